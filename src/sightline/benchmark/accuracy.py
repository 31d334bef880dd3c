"""Do the measured file's answers hold: against what is right, and against torch's."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from sightline.benchmark.contenders import Contender

if TYPE_CHECKING:
    from sightline.tasks.base import Task

CHUNK = 256  # images at a time


def answers(contender: Contender, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the model's main output, its task's first one, for all images, under its name."""
    name, parts = "", []
    for part in _parts(len(images)):
        name, values = next(iter(contender(np.array(images[part])).items()))
        parts.append(values)
    return {name: np.concatenate(parts)}


def figure(
    task: "Task", outputs: dict[str, np.ndarray], images: np.ndarray, targets: np.ndarray
) -> float | None:
    """Return the task's figure of these answers; None for no images. Imports torch."""
    import torch

    if not len(images):
        return None
    scores = []
    for part in _parts(len(images)):
        named = {name: torch.from_numpy(values[part]) for name, values in outputs.items()}
        questions = (torch.from_numpy(np.array(array[part])) for array in (images, targets))
        scores.append(task.scores(named, *questions))
    return round(task.figure(torch.cat(scores).double().mean().item()), 6)


def agreement(
    got: dict[str, np.ndarray], expected: dict[str, np.ndarray], choice: str | None
) -> dict[str, float]:
    """Return how a variant's answers differ from torch's: the largest difference of a value, and,
    where the task chooses among classes, the share of images with the same choice.
    """
    ((name, actual),) = got.items()
    figures = {"max_difference": float(f"{np.abs(actual - expected[name]).max():.2g}")}
    if name == choice:
        same = actual.argmax(1) == expected[name].argmax(1)
        figures["same_choice"] = round(float(same.mean()), 6)
    return figures


def _parts(count: int) -> Iterator[slice]:
    """Yield the slices of so many images: all at once they may be more than memory holds."""
    for start in range(0, count, CHUNK):
        yield slice(start, start + CHUNK)
