"""The table of all models: what they are, what they reach, what they cost."""

from sightline import tasks
from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings import params
from sightline.settings.params import Params

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
    print(table(settings, layout))
    print(f"\n{NEXT}")


def table(settings: Params, layout: Layout) -> str:
    """Return the table, under a line for each catalogue in it that is not real data."""
    models = [ModelResults(name, layout) for name in settings.models]
    notes = {
        results.catalogue: f"The catalogue '{results.catalogue}' is NOT real data: its figures say "
        "nothing about the real sets."
        for results in models
        if results.trained and not results.data["real"]
    }
    rows = [_row(results, settings) for results in models]
    return "\n".join([*notes.values(), *([""] if notes else []), *_aligned([HEADER, *rows])])


def _row(results: ModelResults, settings: Params) -> tuple[str, ...]:
    """Return one model's line: as it was trained, or as params.yaml has it where it was not yet."""
    model = settings.models[results.name]
    dataset, catalogue, task, recipe = model.dataset, settings.catalogue, model.task, model.recipe
    parameters = ABSENT
    if results.trained:
        dataset, catalogue, task = results.dataset, results.catalogue, results.task
        recipe = results.description["recipe"]["name"]
        parameters = f"{results.description['parameters']:,}"
    evaluated = results.trained and results.files.metrics.exists()
    val, test = (results.figure(split) if evaluated else None for split in ("val", "test"))
    seconds = (results.timing or {}).get("seconds")
    onnx = results.model_files.onnx
    size = onnx.stat().st_size / 1000 if onnx.exists() else None
    return (
        *(results.name, dataset, catalogue, task, recipe, parameters, tasks.words(task).figure),
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
