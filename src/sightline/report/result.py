"""What is known of one trained model, read from the files that its stages left."""

import base64
import csv
import json
from dataclasses import dataclass
from pathlib import Path

from sightline.layout import Layout
from sightline.tasks import FIGURES


@dataclass(frozen=True)
class Result:
    """One evaluated model. `tables` are the rows of its CSVs, `pictures` its PNGs as data URIs,
    both by name; those of evaluate and of insight together.
    """

    name: str
    model: dict
    metrics: dict
    timing: dict
    epochs: list[dict[str, str]]
    tables: dict[str, list[dict[str, str]]]
    pictures: dict[str, str]

    @property
    def data(self) -> dict:
        """What the dataset is, as meta.json says it."""
        return self.model["data"]

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
        return self.model["task"]

    @property
    def key(self) -> str:
        """The name of the figure by which models of its task are compared."""
        return FIGURES[self.task][0]

    @property
    def figure(self) -> float:
        """That figure on test."""
        return self.metrics["test"][self.key]

    def column(self, table: str, name: str) -> list[float]:
        """Return a column of a table as numbers."""
        return [float(row[name]) for row in self.tables[table]]


def read(name: str, layout: Layout) -> Result | None:
    """Return what there is of a model; None where it has not been evaluated."""
    report = layout.report(name)
    paths = [layout.model(name) / "model.json", report / "metrics.json", report / "timing.json"]
    if not all(path.exists() for path in paths):
        return None
    model, metrics, timing = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    places = [report, layout.insight(name)]
    tables = {path.stem: path for place in places for path in place.glob("tables/*.csv")}
    pictures = {path.stem: path for place in places for path in place.glob("pictures/*.png")}
    return Result(
        name,
        model,
        metrics,
        timing,
        _rows(report / "epochs.csv"),
        {stem: _rows(path) for stem, path in tables.items()},
        {stem: _data_uri(path) for stem, path in pictures.items()},
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
