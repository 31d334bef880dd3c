"""One model on a page: its results with the tables and pictures of evaluate and of insight."""

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sightline.files import read_table
from sightline.layout import Drawn
from sightline.models.results import ModelResults


@dataclass(frozen=True)
class PageModel(ModelResults):
    """One evaluated model. Tables and pictures are found by their names."""

    @property
    def key(self) -> str:
        """The name of the figure by which models of its task are compared."""
        return self.words.figure

    @property
    def test_figure(self) -> float:
        """That figure on test."""
        return self.metrics["test"][self.key]

    @property
    def chooses(self) -> bool:
        """Whether its task is to choose among classes."""
        return self.words.choice is not None

    @cached_property
    def tables(self) -> dict[str, list[dict[str, str]]]:
        """The rows of its tables."""
        return self._read_tables(self.files, "evaluate") | self._read_tables(
            self.files.insight, "insight"
        )

    def _read_tables(self, drawn: Drawn, stage: str) -> dict[str, list[dict[str, str]]]:
        again = f"run `dvc repro {stage}@{self.name}`"
        return {p.stem: read_table(p, again) for p in sorted(drawn.tables.glob("*.csv"))}

    @cached_property
    def pictures(self) -> dict[str, str]:
        """Its pictures as data URIs."""
        folders = (self.files.pictures, self.files.insight.pictures)
        return {p.stem: _data_uri(p) for folder in folders for p in sorted(folder.glob("*.png"))}

    def column(self, table: str, name: str) -> list[float]:
        """Return a column of a table as numbers."""
        return [float(row[name]) for row in self.tables[table]]


def _data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
