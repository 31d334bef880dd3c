"""What the stages left of one model, read and checked. No torch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sightline import tasks
from sightline.errors import SightlineError
from sightline.files import read_json, read_table
from sightline.layout import Layout, ModelFiles, ResultFiles, TrainedFiles
from sightline.models import timing
from sightline.models.description import read_description, train_again
from sightline.tasks.words import Words


@dataclass(frozen=True)
class ModelResults:
    """The results of one model. A file that is missing or damaged is a SightlineError."""

    name: str
    layout: Layout

    @property
    def model_files(self) -> ModelFiles:
        """Where its exported form lies."""
        return self.layout.model(self.name)

    @property
    def trained_files(self) -> TrainedFiles:
        """Where its weights and its training curve lie."""
        return self.layout.trained(self.name)

    @property
    def files(self) -> ResultFiles:
        """Where its figures, tables and pictures lie."""
        return self.layout.results(self.name)

    @property
    def trained(self) -> bool:
        """Whether there is a trained model."""
        return self.trained_files.description.exists()

    @property
    def evaluated(self) -> bool:
        """Whether the model has been trained and evaluated."""
        return self.trained and self.files.figures.exists()

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the model is: model.json."""
        return read_description(self.trained_files)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """All figures on val and test: figures.json."""
        again = f"run `dvc repro evaluate@{self.name}`"
        return read_json(self.files.figures, again, "catalogue", "task", "flops", "test")

    @cached_property
    def timing(self) -> dict[str, Any] | None:
        """What the training took; None where another machine trained it."""
        return timing.read(self.layout, self.name)

    @cached_property
    def epochs(self) -> list[dict[str, str]]:
        """The rows of the training curve, one for each epoch: epochs.csv."""
        again, path = train_again(self.trained_files), self.trained_files.epochs
        rows, epochs = read_table(path, again), self.description["recipe"]["epochs"]
        early = bool(self.description["recipe"].get("stop")) and 0 < len(rows) < epochs
        if len(rows) != epochs and not early:
            raise SightlineError(
                f"{path} is damaged (it has {len(rows)} of {epochs} epochs): {again}"
            )
        return rows

    @property
    def data(self) -> dict[str, Any]:
        """What the dataset is, as meta.json describes it."""
        return self.description["data"]

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.data["dataset"]

    @property
    def catalogue(self) -> str:
        """Where the data came from."""
        return self.data["catalogue"]

    @property
    def task(self) -> str:
        """What the model is asked for."""
        return self.description["task"]

    @property
    def words(self) -> Words:
        """What people read about its task."""
        return tasks.words(self.task)

    def figure(self, split: str) -> float | None:
        """Return the figure by which models of its task are compared; None without that split."""
        return self.metrics.get(split, {}).get(self.words.figure)
