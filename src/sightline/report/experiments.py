"""`sightline compare --experiments`: what each experiment changed, and what came of it."""

from collections.abc import Iterator
from typing import Any

from sightline import tasks
from sightline.layout import Layout
from sightline.models import timing
from sightline.pipeline import experiments
from sightline.pipeline.experiments import Outcome
from sightline.report.tables import ABSENT, aligned, number
from sightline.settings import params

HEADER = ("experiment", "changed", "val", "", "test", "", "seconds")
WORDS = HEADER[:2]  # columns that are words

NONE = """\
DVC holds no experiment of this commit. For example:
  dvc exp run -S models.mnist-lstm.network=gru
An experiment belongs to the commit that it was run on."""

NEXT = """\
Next:
  dvc exp apply NAME                                     take one into the workspace
  git checkout params.yaml dvc.lock && dvc checkout      or go back to the commit"""


def compare_experiments(layout: Layout) -> None:
    """Print a table for each model that an experiment trained anew."""
    shown = experiments.outcomes(layout)
    if len(shown) <= 2:  # the workspace and its commit
        print(NONE)
        return
    print("\n\n".join(tables(shown, layout)))
    print(f"\n{NEXT}")


def tables(shown: list[Outcome], layout: Layout) -> Iterator[str]:
    """Yield the table of each model whose weights differ anywhere."""
    workspace, commit, *others = shown
    folders = {folder for outcome in shown for folder in outcome.trained.values()}
    digests = experiments.weights_digests(folders, layout)
    took = {folder: timing.of(layout, digest) or {} for folder, digest in digests.items()}
    for name, model in params.load(layout).models.items():
        weights = {outcome.trained.get(name) for outcome in shown} - {None}
        if len(weights) < 2:
            continue
        words = tasks.words(model.task)
        own = [
            outcome
            for outcome in others
            if outcome.trained.get(name) not in (None, commit.trained.get(name))
        ]
        rows = [
            _row(outcome, commit, workspace, name, words.figure, took)
            for outcome in (workspace, commit, *own)
        ]
        heading = f"{name}: {words.figure}, and its change against the workspace"
        yield "\n".join([heading, *aligned([HEADER, *rows], WORDS)])


def _row(
    outcome: Outcome,
    commit: Outcome,
    workspace: Outcome,
    name: str,
    figure: str,
    took: dict[str, dict[str, Any]],
) -> tuple[str, ...]:
    values = []
    for split in ("val", "test"):
        value, base = (each.figure(name, split, figure) for each in (outcome, workspace))
        values += beside(value, None if outcome is workspace else base)
    seconds = took.get(outcome.trained.get(name, ""), {}).get("seconds")
    changed = ", ".join(changes(commit.params, outcome.params)) or ABSENT
    return (outcome.name, changed, *values, number(seconds, ".1f"))


def beside(value: float | None, base: float | None) -> tuple[str, str]:
    """Return the cells of a figure and of its change against another; empty where one lacks."""
    if value is None or base is None:
        return number(value, ".4f"), ""
    return number(value, ".4f"), f"{value - base:+.4f}"


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the settings that differ, as `-S` takes them."""
    keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return [f"{key}={after[key]}" if key in after else f"~{key}" for key in keys]
