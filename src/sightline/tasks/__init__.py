"""Tasks: what a model is asked for, one folder each, found by the task's name.

The folder of the task `next-row` is next_row/. It holds

- `words.py`: WORDS, a `words.Words`: what people read about the task. Without torch.
- `task.py`: TASK, a `base.Task`: from images to a question, from the head's answer to the loss.
- `evaluation.py`: `evaluate(model, splits, train_images, results)`, which returns the figures of
  each split and leaves tables and pictures, and `figures_of(outputs, targets)`, which the views of
  test-time augmentation need of a task that chooses among classes.
- `insight.py`, if there is more to see than every task shows: `leave(model, images, evaluation,
  results)`, where `evaluation` are the tables of evaluate.

No module outside of this package names a task. Each function here raises SightlineError where there
is no such task.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from sightline.errors import SightlineError
from sightline.settings.explain import nearest
from sightline.tasks.words import Words

if TYPE_CHECKING:
    from sightline.tasks.base import Task

USUAL = "classify"  # the task of a model where a person names none
_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of all tasks, found in this folder without importing them."""
    return sorted(path.parent.name.replace("_", "-") for path in _FOLDER.glob("*/task.py"))


def words(name: str) -> Words:
    """Return what people read about a task. Imports no torch."""
    return _module(name, "words").WORDS


def task(name: str) -> "Task":
    """Return the object of a task. Imports torch."""
    return _module(name, "task").TASK


def evaluation(name: str) -> ModuleType:
    """Return the module that evaluates models of a task. Imports torch."""
    return _module(name, "evaluation")


def insight(name: str) -> ModuleType | None:
    """Return the module of what only models of this task can show, if there is one."""
    return _module(name, "insight") if (_folder(name) / "insight.py").exists() else None


def _module(name: str, part: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{_folder(name).name}.{part}")


def _folder(name: str) -> Path:
    if name not in names():
        raise SightlineError(f"no task '{name}' in {__name__}: {nearest(name, names())}")
    return _FOLDER / name.replace("-", "_")
