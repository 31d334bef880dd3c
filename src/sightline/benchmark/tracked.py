"""Records in MLflow: on the run of the model that was measured, found by its fingerprint."""

import logging
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.benchmark.records import Record, raw_file
from sightline.benchmark.scenarios import INT8, MULTI, OFFLINE, SINGLE
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tracking import store
from sightline.tracking.connection import connected
from sightline.tracking.locked_results import LockedResults, read

if TYPE_CHECKING:
    from sightline.tracking.connection import MlflowClient
    from sightline.tracking.run import Run

logger = logging.getLogger(__name__)


def complete(records: list[Record], layout: Layout) -> None:
    """Write these records to MLflow where they are not there yet, one for each model and machine.

    A model that is not in MLflow, or not as dvc.lock has it, is named and left out. Raises
    SightlineError where MLflow cannot be reached; the next call completes what is missing.
    """
    ready = []
    for record in records:
        try:
            results = read(record["model"]["name"], layout)
            results.check()
        except SightlineError as error:
            logger.warning("not in MLflow: %s", error)
            continue
        ready.append((record, results))
    if not ready:
        return
    with connected(store.find(layout)) as client:
        for record, results in ready:
            _write(client, record, results, layout)


def _write(client: "MlflowClient", record: Record, results: LockedResults, layout: Layout) -> None:
    """Add one record to its model's run: metrics, files, and last the tag that says so."""
    run = _run(client, results)
    if run is None:
        logger.warning(
            "%s is not in MLflow yet: `sightline log`, then `sightline benchmark`, adds its record",
            results.name,
        )
        return
    machine, name = record["key"]["machine"], Path(record["path"]).stem
    tag = f"benchmark.{machine}"
    if run.data.tags.get(tag) == name:
        return
    when = round(datetime.fromisoformat(record["environment"]["time"]).timestamp() * 1000)
    for key, value in metrics(record).items():
        client.log_metric(run.info.run_id, f"{tag}.{key}", value, when, 0)
    files = [Path(record["path"]), raw_file(record["path"])]
    if record["variants"][INT8]["accepted"]:
        files.append(layout.benchmarks.int8(results.name))
    for file in filter(Path.exists, files):  # raw values may be lost: see `records.raw`
        client.log_artifact(run.info.run_id, str(file), f"benchmark/{machine}")
    client.set_tag(run.info.run_id, tag, name)


def _run(client: "MlflowClient", results: LockedResults) -> "Run | None":
    experiment = client.get_experiment_by_name(results.title)
    if experiment is None:
        return None
    query = f"tags.`{store.FINGERPRINT}` = '{results.fingerprint}'"
    runs = client.search_runs([experiment.experiment_id], query)
    return runs[0] if runs else None


def metrics(record: Record) -> dict[str, float]:
    """Return what is worth a column in the comparison of runs, by MLflow's rules for names.

    No name has a slash: MLflow would make a section of charts of what is before it, and show it
    above the curves by epoch. So they stand in the last section.
    """
    values: dict[str, float] = {}
    for figure in record["figures"]:
        start = "{contender}.{threads}-threads".format(**figure)
        if figure["scenario"] in (SINGLE, MULTI):
            for share in ("p50", "p90", "p99"):
                if figure[f"{share}_ms"] is not None:
                    values[f"{start}.{figure['scenario']}_{share}_ms"] = figure[f"{share}_ms"]
        elif figure["scenario"] == OFFLINE:
            key = f"{start}.offline_images_per_second"
            values[key] = max(values.get(key, 0.0), figure["images_per_second"])
    for name, variant in record["variants"].items():
        if cold := variant.get("cold_start"):
            parts = ("import_seconds", "open_seconds", "first_answer_seconds")
            values[f"{name}.cold_start_seconds"] = sum(cold[part] for part in parts)
            values[f"{name}.peak_bytes"] = cold["peak_bytes"]
    return values
