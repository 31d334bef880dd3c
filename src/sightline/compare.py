"""The table of all models: what they are, what they reach, what they cost."""

import json
from pathlib import Path

from sightline import params
from sightline.layout import Layout
from sightline.params import Params
from sightline.tasks import FIGURES
from sightline.training.recipe import Model

HEADER = (
    *("model", "dataset", "catalogue", "task", "recipe"),
    *("parameters", "figure", "val", "test", "seconds", "ONNX kB"),
)
WORDS = 5  # so many columns are words, aligned to the left; the others are aligned to the right
ABSENT = "-"

NEXT = """\
Next:
  make ui                                               see and compare the runs in MLflow
  dvc exp run -S models.mnist-lstm.network=gru          change one thing; only what uses it runs
  dvc exp run -S catalogue=official                     the real data, from its official hosts
  sightline predict models/mnist-cnn/model.onnx IMAGE   ask a model about a picture"""


def compare(layout: Layout) -> None:
    """Print the table of the models in params.yaml and what to type next.

    The figure is that of the task on val and test. What no stage has made yet is shown as '-'.
    """
    settings = params.load(layout)
    print(report(settings, layout))
    print(f"\n{NEXT}")


def report(settings: Params, layout: Layout) -> str:
    """Return the table, under a line for each catalogue in it that is not real data."""
    trained = {name: _read(layout.model(name) / "model.json") for name in settings.models}
    notes = {
        found["data"]["catalogue"]: f"The catalogue '{found['data']['catalogue']}' is NOT real "
        "data: its figures say nothing about the real sets."
        for found in trained.values()
        if found and not found["data"]["real"]
    }
    rows = [
        _row(name, model, settings.catalogue, trained[name], layout)
        for name, model in settings.models.items()
    ]
    return "\n".join([*notes.values(), *([""] if notes else []), *_aligned([HEADER, *rows])])


def _row(
    name: str, model: Model, catalogue: str, trained: dict | None, layout: Layout
) -> tuple[str, ...]:
    """Return one model's line: as it was trained, or as params.yaml has it where it was not yet."""
    dataset, task, recipe, parameters = model.dataset, model.task, model.recipe, ABSENT
    if trained:
        dataset, catalogue = trained["data"]["dataset"], trained["data"]["catalogue"]
        task, recipe = trained["task"], trained["recipe"]["name"]
        parameters = f"{trained['parameters']:,}"
    figure, _ = FIGURES[task]
    metrics = _read(layout.report(name) / "metrics.json") or {}
    val, test = (metrics.get(split, {}).get(figure) for split in ("val", "test"))
    seconds = (_read(layout.report(name) / "timing.json") or {}).get("seconds")
    onnx = layout.model(name) / "model.onnx"
    size = onnx.stat().st_size / 1000 if onnx.exists() else None
    return (
        *(name, dataset, catalogue, task, recipe, parameters, figure),
        *(
            _number(val, ".4f"),
            _number(test, ".4f"),
            _number(seconds, ".1f"),
            _number(size, ",.0f"),
        ),
    )


def _number(value: float | None, form: str) -> str:
    return ABSENT if value is None else format(value, form)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < WORDS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
