"""The table of all models: what they are, what they reach, what they cost."""

import subprocess

from sightline import tasks
from sightline.drawing.text import markdown
from sightline.layout import LOCK, Layout
from sightline.models.results import ModelResults
from sightline.report.tables import ABSENT, aligned, number
from sightline.settings import params
from sightline.settings.params import Params

HEADER = (
    *("model", "dataset", "catalogue", "task", "recipe"),
    *("parameters", "figure", "val", "test", "seconds", "ONNX kB"),
)
WORDS = HEADER[:5]  # columns that are words

NEXT = """\
Next:
  make ui                                               see and compare the runs in MLflow
  dvc exp run -S models.mnist-lstm.network=gru          change one thing; only what uses it runs
  dvc exp run -S catalogue=official                     the real data, from its official hosts
  sightline predict models/mnist-cnn/model.onnx IMAGE   ask a model about a picture"""


KEEP = f"""\
Keep this state, to compare with and to go back to:
  git add {LOCK}
  git commit -m 'All models trained'
"""


def compare(layout: Layout) -> None:
    """Print the table of the models in params.yaml and what to type next.

    The figure is that of the task on val and test. What no stage has made yet is shown as '-'.
    """
    settings = params.load(layout)
    print(table(settings, layout))
    if not _kept(layout):
        print(f"\n{KEEP}", end="")
    print(f"\n{NEXT}")


def _kept(layout: Layout) -> bool:
    """Whether git has dvc.lock as it is; so is nothing to keep, and what lies in no repository."""
    command = ["git", "status", "--porcelain", "--", LOCK]
    try:
        done = subprocess.run(command, cwd=layout.root, capture_output=True, text=True)
    except FileNotFoundError:
        return True
    return done.returncode != 0 or not done.stdout


def table(settings: Params, layout: Layout) -> str:
    """Return the table, under a line for each catalogue in it that is not real data."""
    models = [ModelResults(name, layout) for name in settings.models]
    return "\n".join([*_notes(models), *aligned(_columns(models, settings), WORDS)])


def markdown_table(settings: Params, layout: Layout) -> str:
    """Return the table in Markdown, the figures beside the names: a narrow page shows them."""
    models = [ModelResults(name, layout) for name in settings.models]
    rows = _columns(models, settings)
    first = [rows[0].index(name) for name in ("model", "figure", "val", "test")]
    order = [*first, *(place for place in range(len(rows[0])) if place not in first)]
    cells = [[markdown(row[place]) for place in order] for row in rows]
    rule = [":--" if rows[0][place] in WORDS else "--:" for place in order]
    lines = [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])]
    return "\n".join([*_notes(models), *lines])


def _columns(models: list[ModelResults], settings: Params) -> list[tuple[str, ...]]:
    """Return the rows, the header first; without the catalogue where it is the same in all."""
    rows = [HEADER, *(_row(results, settings) for results in models)]
    place = HEADER.index("catalogue")
    if len({row[place] for row in rows[1:]}) < 2:
        rows = [row[:place] + row[place + 1 :] for row in rows]
    return rows


def _notes(models: list[ModelResults]) -> list[str]:
    """Return a line for each catalogue with the datasets of it that are drawn, and an empty one."""
    drawn: dict[str, list[str]] = {}
    for results in models:
        if results.trained and not results.data["real"]:
            datasets = drawn.setdefault(results.catalogue, [])
            datasets += [results.dataset] if results.dataset not in datasets else []
    lines = [
        f"NOT real data ({catalogue}): {', '.join(datasets)}. These figures say nothing about the "
        "real sets."
        for catalogue, datasets in drawn.items()
    ]
    return [*lines, ""] if lines else []


def _row(results: ModelResults, settings: Params) -> tuple[str, ...]:
    """Return one model's line: as it was trained, or as params.yaml has it where it was not yet."""
    model = settings.models[results.name]
    catalogue = settings.catalogue_of(model.dataset)
    dataset, task, recipe = model.dataset, model.task, model.recipe
    parameters = ABSENT
    if results.trained:
        dataset, catalogue, task = results.dataset, results.catalogue, results.task
        recipe = results.description["recipe"]["name"]
        parameters = f"{results.description['parameters']:,}"
    evaluated = results.trained and results.files.figures.exists()
    val, test = (results.figure(split) if evaluated else None for split in ("val", "test"))
    seconds = (results.timing or {}).get("seconds")
    onnx = results.model_files.onnx
    size = onnx.stat().st_size / 1000 if onnx.exists() else None
    return (
        *(results.name, dataset, catalogue, task, recipe, parameters, tasks.words(task).figure),
        *(
            number(val, ".4f"),
            number(test, ".4f"),
            number(seconds, ".1f"),
            number(size, ",.0f"),
        ),
    )
