"""What stands in a store of MLflow."""

from pathlib import Path

from sightline.layout import Layout
from sightline.tracking import store

TITLE = "sample-mnist-classify"


def client(root: Path | None = None, server: str | None = None):
    from mlflow import MlflowClient

    return MlflowClient(server or store.find(Layout(root)).uri)


def run_of(tracking, name: str):
    """The one run of a model."""
    experiment = tracking.get_experiment_by_name(TITLE)
    (run,) = tracking.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return run


def census(tracking) -> dict:
    """How often everything stands in a store: what a second log must leave as it is."""
    runs = [
        run
        for experiment in tracking.search_experiments()
        for run in tracking.search_runs([experiment.experiment_id])
    ]
    ids = [experiment.experiment_id for experiment in tracking.search_experiments()]
    return {
        "runs": sorted((run.info.run_name, run.info.status) for run in runs),
        "points": {
            (run.info.run_name, key): len(tracking.get_metric_history(run.info.run_id, key))
            for run in runs
            for key in run.data.metrics
        },
        "artifacts": {
            (run.info.run_name, folder): sorted(
                file.path for file in tracking.list_artifacts(run.info.run_id, folder)
            )
            for run in runs
            for folder in ("pictures", "tables", "insight/pictures", "insight/tables", "reports")
        },
        "datasets": {run.info.run_name: len(run.inputs.dataset_inputs) for run in runs},
        "models": sorted(str(model.status) for model in tracking.search_logged_models(ids)),
        "versions": sorted(
            (version.version, version.tags["model"]) for version in tracking.search_model_versions()
        ),
    }


def champion(root: Path) -> str | None:
    return client(root).get_registered_model(TITLE).aliases.get("champion")
