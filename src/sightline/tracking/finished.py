"""The complete runs that MLflow holds of one experiment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline.tracking.connection import connected
from sightline.tracking.store import COMPLETE, FINGERPRINT, Store

if TYPE_CHECKING:
    from mlflow.entities import Run

SHOWN = 1000  # the newest runs of an experiment


@dataclass(frozen=True)
class Finished:
    """A run: the model it is of, what was chosen, flat, and its figures, val/top1 and the like."""

    model: str
    fingerprint: str
    params: dict[str, str]
    figures: dict[str, float]


def runs(where: Store, titles: list[str]) -> dict[str, list[Finished]]:
    """Return the complete runs of each experiment of MLflow, the newest first, by its title."""
    listed_by_title: dict[str, list[Finished]] = {}
    with connected(where) as client:
        for title in titles:
            experiment = client.get_experiment_by_name(title)
            listed = (
                client.search_runs(
                    [experiment.experiment_id],
                    f"tags.`{COMPLETE}` = 'true'",
                    max_results=SHOWN,
                    order_by=["attributes.start_time DESC"],
                )
                if experiment
                else []
            )
            listed_by_title[title] = [_finished(run) for run in listed]
    return listed_by_title


def _finished(run: "Run") -> Finished:
    data = run.data
    model = data.tags["mlflow.source.name"].rpartition("@")[2]  # dvc repro log@MODEL
    return Finished(model, data.tags[FINGERPRINT], dict(data.params), dict(data.metrics))
