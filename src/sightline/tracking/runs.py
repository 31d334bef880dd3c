"""Trained models as MLflow runs and registered models. The only importer of mlflow.

A record can be cut off anywhere and written again. Everything in it is of a kind that MLflow keeps
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

from sightline.errors import SightlineError, TryAgain
from sightline.files import write_json
from sightline.layout import Layout
from sightline.tasks import FIGURES
from sightline.tracking import notes, record, store
from sightline.tracking.record import Record
from sightline.tracking.store import COMPLETE, FINGERPRINT, Store

logger = logging.getLogger(__name__)

CHAMPION = "champion"
LOCK_WAIT = 600.0  # seconds to wait for another logger: it needs about six a model
POINTS = 500  # points in one request; MLflow takes at most 1000

# Where a person has not set them otherwise. MLflow's own retries go on for minutes, and send again
# what a slow server may have done already (a second run); a record is completed later instead.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


def log(name: str, layout: Layout) -> None:
    """Write one model into MLflow, once, and leave logged.json.

    Raises SightlineError where a result is missing or is not the one that dvc.lock names, and
    where the server cannot be reached or refuses.
    """
    where, found = store.find(layout), record.read(name, layout)
    found.check()
    where.relocate()
    if found.fingerprint in where.complete():
        logger.info("%s stands in MLflow already", name)
    else:
        _write([found], where)
    write_json(
        layout.report(name) / "logged.json",
        {"fingerprint": found.fingerprint, "registered_model": found.title},
    )


def complete(layout: Layout) -> None:
    """Write every model whose results are there and whose record is missing or was cut off.

    A model whose results are not those of dvc.lock is named and left out.
    """
    where, ready = store.find(layout), []
    where.relocate()
    known = where.complete()
    for found in record.read_all(layout).values():
        if found.fingerprint not in known:
            try:
                found.check()
                ready.append(found)
            except SightlineError as error:
                logger.warning("%s", error)
    if ready:
        _write(ready, where)


def create(where: Store) -> None:
    """Make the default store where there is none."""
    if not where.server and not where.database.exists():
        _write([], where)


def _write(records: list[Record], where: Store) -> None:
    with connected(where) as client:
        for found in records:
            _write_one(client, found, where)


@contextlib.contextmanager
def connected(where: Store):
    """Give a client of the store to one logger at a time; an error of MLflow becomes one line."""
    from filelock import FileLock, Timeout
    from sqlalchemy.exc import OperationalError

    mlflow = _import_mlflow()
    where.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(where.folder / "lock", timeout=LOCK_WAIT), _tracking_uri(where.uri):
            yield _connect(where)
    except Timeout:
        raise TryAgain(
            f"{where.folder / 'lock'} has been held by another `sightline log` for "
            f"{LOCK_WAIT:.0f} s: end that process, then run `sightline log`"
        ) from None
    except mlflow.MlflowException as error:
        said = " ".join(str(error).split())
        kind = TryAgain if error.get_http_status_code() >= 500 else SightlineError
        raise kind(
            f"MLflow at {where.uri} did not take the record: {said[:300]}: when that is mended, "
            "run `sightline log`, which completes the record; nothing else is lost"
        ) from error
    except OperationalError as error:  # of the making of the database; else MLflow wraps it
        raise SightlineError(
            f"{where.database}: {error.orig}: when that is mended (a full disk, a lack of rights), "
            "run `sightline log`, which completes the record; nothing else is lost"
        ) from None


def _import_mlflow():
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    import mlflow

    return mlflow


@contextlib.contextmanager
def _tracking_uri(uri: str):
    """Have MLflow use a store; mlflow.set_tracking_uri would stay in force for the process."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _connect(where: Store):
    """Return a client of the store, which is made where there is none."""
    import mlflow

    if not where.server and not where.database.exists():
        # under another name until it is whole: a killed migration leaves nothing to stumble over
        unfinished = where.database.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        mlflow.MlflowClient(f"sqlite:///{unfinished}").delete_experiment("0")  # an empty "Default"
        unfinished.replace(where.database)
    return mlflow.MlflowClient()


def _write_one(client, found: Record, where: Store) -> None:
    experiment_id = _experiment(client, found, where)
    run = _run(client, experiment_id, found)
    if run.info.lifecycle_stage == "deleted":
        logger.info("%s was deleted in MLflow (run %s): left so", found.name, run.info.run_id)
        return
    if COMPLETE in run.data.tags:
        logger.info("%s stands in MLflow already", found.name)
        return
    timing = json.loads(run.data.tags["sightline.timing"])
    _write_numbers(client, run, found, timing)
    _write_files(client, run, found)
    model_id = _model(client, experiment_id, run, found)
    version = _version(client, run, model_id, found)
    champion = _choose_champion(client, found)
    end = run.info.start_time + round(timing["seconds"] * 1000)
    client.set_terminated(run.info.run_id, "FINISHED", end)
    client.set_tag(run.info.run_id, COMPLETE, "true")
    logger.info(
        "%s: version %s of %s%s",
        found.name,
        version,
        found.title,
        ", the champion" if champion == version else "",
    )


def _experiment(client, found: Record, where: Store) -> str:
    """Return the id of the record's experiment, which is made where there is none."""
    experiment = client.get_experiment_by_name(found.title)
    if experiment is None:
        return client.create_experiment(
            found.title,
            None if where.server else (where.artifacts / found.title).as_uri(),
            {
                "mlflow.note.content": notes.title_note(found),
                "mlflow.experimentKind": "custom_model_development",  # spares the UI a question
            },
        )
    if experiment.lifecycle_stage == "deleted":
        raise SightlineError(
            f"{found.name}: the experiment {found.title} was deleted in MLflow at {where.uri}: "
            f"restore it with `mlflow experiments restore -x {experiment.experiment_id}`"
        )
    return experiment.experiment_id


def _run(client, experiment_id: str, found: Record):
    """Return the run of this fingerprint, deleted or not, which is made where there is none.

    What differs between equal results (time, machine, commit) is fixed here, by one transaction.
    """
    from mlflow.entities import ViewType

    query = f"tags.`{FINGERPRINT}` = '{found.fingerprint}'"
    runs = client.search_runs([experiment_id], query, ViewType.ALL)
    if runs:
        return runs[0]
    timing, (commit, dirty) = found.timing, _commit(found.layout.root)
    tags = {
        FINGERPRINT: found.fingerprint,
        "sightline.timing": json.dumps(timing),
        "real_data": str(found.model["data"]["real"]).lower(),
        **{f"hardware.{k}": str(timing[k]) for k in ("device", "processor", "dtype", "threads")},
        **{f"dvc.{stage}": md5 for stage, md5 in found.locks.items()},
        "mlflow.note.content": notes.run_note(found, commit, dirty),
        "mlflow.source.name": f"dvc repro log@{found.name}",
        "mlflow.source.type": "PROJECT",
        "mlflow.user": _user(),
    }
    if commit:
        tags |= {"mlflow.source.git.commit": commit, "git.dirty": str(dirty).lower()}
    start = round((time.time() - timing["seconds"]) * 1000)  # so that "duration" is the training's
    return client.create_run(experiment_id, start, tags, found.name)


def _write_numbers(client, run, found: Record, timing: dict) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    run_id, start = run.info.run_id, run.info.start_time
    data = found.model["data"]
    dataset = Dataset(
        name=f"{data['catalogue']}-{found.dataset}",
        digest=found.digest,
        source_type="local",
        source=json.dumps({"uri": f"data/processed/{found.dataset}"}),
        profile=json.dumps(data["counts"]),
    )
    context = InputTag("mlflow.data.context", "train, val, test")
    client.log_inputs(run_id, [DatasetInput(dataset, [context])])
    client.log_batch(run_id, params=[Param(k, str(v)) for k, v in found.params().items()])
    # the times are made of what the run holds: sent again, a point is the same point
    step = timing["seconds"] * 1000 / max(1, len(found.epochs()))
    points = [
        Metric(f"epoch/{key}", value, start + round(row["epoch"] * step), int(row["epoch"]))
        for row in found.epochs()
        for key, value in row.items()
        if key not in ("epoch", "step")
    ]
    results = found.results() | {
        key: timing[key] for key in ("seconds", "images_per_second", "steps_executed")
    }
    points += [Metric(key, value, start, 0) for key, value in results.items()]
    for first in range(0, len(points), POINTS):
        client.log_batch(run_id, metrics=points[first : first + POINTS])


def _write_files(client, run, found: Record) -> None:
    run_id = run.info.run_id
    for folder, files in found.files().items():
        for file in files:
            client.log_artifact(run_id, str(file), folder)
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "dvc.lock.json"
        write_json(lock, found.stages)
        client.log_artifact(run_id, str(lock), "reports")


def _model(client, experiment_id: str, run, found: Record) -> str:
    """Return the id of the run's ONNX model, which is logged where it is not there whole."""
    models = client.search_logged_models([experiment_id], f"source_run_id = '{run.info.run_id}'")
    for model in models:
        if str(model.status) == "READY":
            return model.model_id
        client.delete_logged_model(model.model_id)  # cut off in mid-upload
    return _log_onnx(run, found)


def _log_onnx(run, found: Record) -> str:
    from importlib.metadata import version

    import mlflow.onnx
    import numpy as np
    import onnx

    from sightline import inference

    inference.errors_only()  # MLflow opens the model, to try the example on it
    model = onnx.load(found.onnx)
    data = found.model["data"]
    example = np.zeros((1, data["height"], data["width"], data["channels"]), np.uint8)
    mlflow.set_experiment(experiment_id=run.info.experiment_id)  # log_model takes no other way
    info = mlflow.onnx.log_model(
        model,
        name=found.name,
        run_id=run.info.run_id,
        signature=_signature(model),
        input_example={"images": example},
        pip_requirements=[f"{package}=={version(package)}" for package in ("onnx", "onnxruntime")],
        save_as_external_data=False,
        tags={FINGERPRINT: found.fingerprint},
    )
    return info.model_id


def _signature(model):
    """Return the graph's required inputs and its outputs, with -1 for every size that may vary."""
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(values) -> Schema:
        return Schema(
            [
                TensorSpec(
                    np.dtype(
                        onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                    ),
                    tuple(d.dim_value or -1 for d in value.type.tensor_type.shape.dim),
                    value.name,
                )
                for value in values
            ]
        )

    optional = {tensor.name for tensor in model.graph.initializer}
    required = [value for value in model.graph.input if value.name not in optional]
    return ModelSignature(schema(required), schema(model.graph.output))


def _version(client, run, model_id: str, found: Record) -> str:
    """Return the version of the registered model, which is made where there is none."""
    from mlflow import MlflowException

    try:
        client.create_registered_model(found.title, description=notes.title_note(found))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{found.title}'"):
        if version.run_id == run.info.run_id and "data" in version.tags:
            return version.version
    key, value = found.figure
    tags = {"model": found.name, "data": found.digest}
    if value is not None:
        tags[key] = repr(value)
    return client.create_model_version(
        found.title,
        f"models:/{model_id}",
        run.info.run_id,
        tags=tags,
        description=notes.version_note(found),
        model_id=model_id,
    ).version


def _choose_champion(client, found: Record) -> str | None:
    """Set the alias `champion` and return its version; None where no version has a val split.

    The best on val among the versions with the data of the newest one; the older one where two are
    equal. The test split is not looked at, nor is a version that somebody registered by hand.
    """
    known = client.search_model_versions(f"name = '{found.title}'")
    versions = sorted((v for v in known if "data" in v.tags), key=lambda v: int(v.version))
    key, more_is_better = found.figure[0], FIGURES[found.model["task"]][1]
    rivals = [v for v in versions if key in v.tags and v.tags["data"] == versions[-1].tags["data"]]
    if not rivals:
        return None
    pick = max if more_is_better else min
    best = pick(rivals, key=lambda v: float(v.tags[key])).version
    client.set_registered_model_alias(found.title, CHAMPION, best)
    return best


def _user() -> str:
    """Return who logs, by number where the system has no name for it, as in many a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _commit(root: Path) -> tuple[str | None, bool]:
    """Return git's HEAD and whether tracked files differ from it; dvc.lock always does."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", ".", ":!dvc.lock"))
    return None, False
