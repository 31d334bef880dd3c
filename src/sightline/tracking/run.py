"""One trained model as an MLflow run.

A run can be cut off anywhere and written again. Everything in it is of a kind that MLflow keeps
once however often it is sent (tags, params, artifacts of one name, points of a curve with equal
step, time and value), or is looked for before it is made (run, model, version).
"""

import contextlib
import getpass
import json
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.errors import SightlineError
from sightline.files import write_json
from sightline.tracking import notes, registry, view
from sightline.tracking.changes import run_name
from sightline.tracking.locked_results import LockedResults
from sightline.tracking.store import COMPLETE, FINGERPRINT, Store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

logger = logging.getLogger(__name__)

NOTE = "mlflow.note.content"
POINTS = 500  # points in one request; MLflow takes at most 1000
# of the timing, as tags that a column can show
SHOWN = {
    "hardware": ("device", "processor", "dtype", "threads", "processes"),
    "system": ("platform", "python", "torch"),
}
TIMING = "sightline.timing"  # the tag that holds what the training of the run took


def write_run(client: "MlflowClient", model: LockedResults, where: Store) -> None:
    """Write one model's run and register its ONNX model, or complete what is missing of both."""
    experiment_id = _experiment(client, model, where)
    run = _run(client, experiment_id, model)
    if run.info.lifecycle_stage == "deleted":
        logger.info("%s was deleted in MLflow (run %s): left so", model.name, run.info.run_id)
        return
    if COMPLETE in run.data.tags:
        logger.info("%s stands in MLflow already", model.name)
        return
    timing = json.loads(run.data.tags.get(TIMING, "{}"))
    _write_numbers(client, run, model, timing)
    _write_files(client, run, model)
    model_id = registry.onnx_model(client, experiment_id, run, model)
    version = registry.registered_version(client, run, model_id, model)
    champion = registry.choose_champion(client, model)
    end = run.info.start_time + round(timing.get("seconds", 0) * 1000)
    client.set_terminated(run.info.run_id, "FINISHED", end)
    client.set_tag(run.info.run_id, COMPLETE, "true")
    logger.info(
        "%s: version %s of %s%s",
        model.name,
        version,
        model.title,
        ", the champion" if champion == version else "",
    )


def _experiment(client: "MlflowClient", model: LockedResults, where: Store) -> str:
    """Return the id of the model's experiment, which is made where there is none."""
    experiment = client.get_experiment_by_name(model.title)
    if experiment is None:
        place = None if where.server else (where.artifacts / model.title).as_uri()
        kind = {"mlflow.experimentKind": "custom_model_development"}  # spares the UI a question
        experiment = client.get_experiment(client.create_experiment(model.title, place, kind))
    if experiment.lifecycle_stage == "deleted":
        raise SightlineError(
            f"{model.name}: the experiment {model.title} was deleted in MLflow at {where.uri}: "
            f"restore it with `mlflow experiments restore -x {experiment.experiment_id}`"
        )
    # what is there may be somebody's own by now
    for tag, value in (
        (view.TAG, view.state(model)),
        (NOTE, notes.experiment_note(model, experiment.experiment_id)),
    ):
        if tag not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, tag, value)
    return experiment.experiment_id


def _run(client: "MlflowClient", experiment_id: str, model: LockedResults) -> "Run":
    """Return the run of this fingerprint, deleted or not, which is made where there is none.

    What differs between equal results (time, machine, commit) is fixed here, by one transaction.
    """
    from mlflow.entities import ViewType

    query = f"tags.`{FINGERPRINT}` = '{model.fingerprint}'"
    runs = client.search_runs([experiment_id], query, ViewType.ALL)
    if runs:
        return runs[0]
    timing, (commit, dirty) = model.timing or {}, _commit(model.layout.root)
    tags = {
        FINGERPRINT: model.fingerprint,
        "real_data": str(model.data["real"]).lower(),
        **{f"dvc.{stage}": md5 for stage, md5 in model.locks.items()},
        NOTE: notes.run_note(model, commit, dirty),
        "mlflow.source.name": f"dvc repro log@{model.name}",
        "mlflow.source.type": "PROJECT",
        "mlflow.user": _user(),
    }
    if timing:
        tags[TIMING] = json.dumps(timing)
        for group, keys in SHOWN.items():
            tags |= {f"{group}.{key}": str(timing[key]) for key in keys if key in timing}
    if commit:
        tags |= {"mlflow.source.git.commit": commit, "git.dirty": str(dirty).lower()}
    # so that "duration" is the training's
    start = round((time.time() - timing.get("seconds", 0)) * 1000)
    return client.create_run(experiment_id, start, tags, run_name(model))


def _write_numbers(
    client: "MlflowClient", run: "Run", model: LockedResults, timing: dict[str, Any]
) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    run_id, start = run.info.run_id, run.info.start_time
    data = model.data
    dataset = Dataset(
        name=f"{data['catalogue']}-{model.dataset}",
        digest=model.digest,
        source_type="local",
        source=json.dumps({"uri": model.data_path}),
        profile=json.dumps(data["counts"]),
    )
    context = InputTag("mlflow.data.context", "train, val, test")
    client.log_inputs(run_id, [DatasetInput(dataset, [context])])
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in model.params().items()])
    # the times are made of what the run holds: sent again, a point is the same point
    curve = model.curve()
    step = timing.get("seconds", 0) * 1000 / max(1, len(curve))
    points = [
        Metric(f"epoch/{key}", value, start + round(row["epoch"] * step), int(row["epoch"]))
        for row in curve
        for key, value in row.items()
        if key not in ("epoch", "step")
    ]
    took = ("seconds", "images_per_second", "steps_executed")
    results = model.results() | {key: timing[key] for key in took if key in timing}
    points += [Metric(key, value, start, 0) for key, value in results.items()]
    for first in range(0, len(points), POINTS):
        client.log_batch(run_id, metrics=points[first : first + POINTS])


def _write_files(client: "MlflowClient", run: "Run", model: LockedResults) -> None:
    run_id = run.info.run_id
    for folder, files in model.artifacts().items():
        for file in files:
            client.log_artifact(run_id, str(file), folder)
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "dvc.lock.json"
        write_json(lock, model.stages)
        client.log_artifact(run_id, str(lock), "reports")


def _user() -> str:
    """Return who logs, by number where the system has no name for it, as in many a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _commit(root: Path) -> tuple[str | None, bool]:
    """Return git's HEAD and whether tracked files differ from it; dvc.lock always does.

    None where the project has no git repository of its own.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return None, False  # the commit of another project, in which this one lies
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", ".", ":!dvc.lock"))
    return None, False
