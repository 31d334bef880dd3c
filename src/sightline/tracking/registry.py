"""The ONNX model of a run, its version in the registry, and which version is the champion."""

from typing import TYPE_CHECKING

from sightline.tracking import notes
from sightline.tracking.locked_results import LockedResults
from sightline.tracking.logged_model import save_arguments
from sightline.tracking.store import FINGERPRINT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CHAMPION = "champion"


def onnx_model(client: "MlflowClient", experiment_id: str, run: "Run", model: LockedResults) -> str:
    """Return the id of the run's ONNX model, which is logged where it is not there whole."""
    models = client.search_logged_models([experiment_id], f"source_run_id = '{run.info.run_id}'")
    for logged in models:
        if str(logged.status) == "READY":
            return logged.model_id
        client.delete_logged_model(logged.model_id)  # cut off in mid-upload
    return _log_onnx(run, model)


def _log_onnx(run: "Run", model: LockedResults) -> str:
    import mlflow
    import mlflow.onnx as mlflow_onnx

    from sightline.inference import session as inference

    inference.errors_only()  # MLflow opens the model, to try the example on it
    mlflow.set_experiment(experiment_id=run.info.experiment_id)  # log_model takes no other way
    info = mlflow_onnx.log_model(
        name=model.name,
        run_id=run.info.run_id,
        tags={FINGERPRINT: model.fingerprint},
        **save_arguments(model.model_files),
    )
    return info.model_id


def registered_version(
    client: "MlflowClient", run: "Run", model_id: str, model: LockedResults
) -> str:
    """Return the version of the registered model, which is made where there is none."""
    from mlflow import MlflowException

    try:
        client.create_registered_model(model.title, description=notes.title_note(model))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in client.search_model_versions(f"name = '{model.title}'"):
        if known.run_id == run.info.run_id and "data" in known.tags:
            return known.version
    key, value = model.deciding_figure
    tags = {"model": model.name, "data": model.digest}
    if value is not None:
        tags[key] = repr(value)
    return client.create_model_version(
        model.title,
        f"models:/{model_id}",
        run.info.run_id,
        tags=tags,
        description=notes.version_note(model),
        model_id=model_id,
    ).version


def choose_champion(client: "MlflowClient", model: LockedResults) -> str | None:
    """Set the alias `champion` and return its version; None where no version has a val split.

    The best on val among the versions with the data of the newest one; the older one where two are
    equal. The test split is not looked at, nor is a version that somebody registered by hand.
    """
    registered = client.search_model_versions(f"name = '{model.title}'")
    versions = sorted((v for v in registered if "data" in v.tags), key=lambda v: int(v.version))
    key, _ = model.deciding_figure
    rivals = [v for v in versions if key in v.tags and v.tags["data"] == versions[-1].tags["data"]]
    if not rivals:
        return None
    pick = max if model.words.higher_is_better else min
    best = pick(rivals, key=lambda v: float(v.tags[key])).version
    client.set_registered_model_alias(model.title, CHAMPION, best)
    return best
