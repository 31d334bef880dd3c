"""Records in MLflow: on the run of the model that was measured, found by its fingerprint."""

import logging
from datetime import datetime
from pathlib import Path

from sightline.benchmark.scenarios import MULTI, OFFLINE, SINGLE
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tracking import store
from sightline.tracking.connection import connected
from sightline.tracking.locked_results import LockedResults, read

logger = logging.getLogger(__name__)


def complete(records: list[dict], layout: Layout) -> None:
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


def _write(client, record: dict, results: LockedResults, layout: Layout) -> None:
    """Add one record to its model's run: metrics, files, and last the tag that says it is whole."""
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
        client.log_metric(run.info.run_id, f"{tag}/{key}", value, when, 0)
    int8 = layout.benchmarks.int8(results.name)
    accepted = [int8] if record["variants"]["int8"]["accepted"] else []
    path = Path(record["path"])
    for file in [path, path.with_suffix(".npz"), *accepted]:
        client.log_artifact(run.info.run_id, str(file), f"benchmark/{machine}")
    client.set_tag(run.info.run_id, tag, name)


def _run(client, results: LockedResults):
    experiment = client.get_experiment_by_name(results.title)
    if experiment is None:
        return None
    query = f"tags.`{store.FINGERPRINT}` = '{results.fingerprint}'"
    runs = client.search_runs([experiment.experiment_id], query)
    return runs[0] if runs else None


def metrics(record: dict) -> dict[str, float]:
    """Return what is worth a column in the comparison of runs, by MLflow's rules for names."""
    found = {}
    for figure in record["figures"]:
        start = "{contender}/{threads}-threads".format(**figure)
        if figure["scenario"] in (SINGLE, MULTI):
            for share in ("p50", "p90", "p99"):
                if figure[f"{share}_ms"] is not None:
                    found[f"{start}/{figure['scenario']}_{share}_ms"] = figure[f"{share}_ms"]
        elif figure["scenario"] == OFFLINE:
            key = f"{start}/offline_images_per_second"
            found[key] = max(found.get(key, 0.0), figure["images_per_second"])
    for variant, known in record["variants"].items():
        if cold := known.get("cold_start"):
            parts = ("import_seconds", "open_seconds", "first_answer_seconds")
            found[f"{variant}/cold_start_seconds"] = sum(cold[part] for part in parts)
            found[f"{variant}/peak_bytes"] = cold["peak_bytes"]
    return found
