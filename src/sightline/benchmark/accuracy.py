"""Do the measured file's answers hold: against what is right, and against torch's."""

import numpy as np

from sightline import tasks
from sightline.benchmark.contenders import Model

CHUNK = 256  # images at a time


def answers(model: Model, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return the model's main output, its task's first one, for all images, under its name."""
    parts = []
    for start in range(0, len(images), CHUNK):
        outputs = model(np.array(images[start : start + CHUNK]))
        name = next(iter(outputs))
        parts.append(outputs[name])
    return {name: np.concatenate(parts)}


def figure(
    task: str, outputs: dict[str, np.ndarray], images: np.ndarray, targets: np.ndarray
) -> float | None:
    """Return the task's figure of these answers; None for no images. Imports torch."""
    import torch

    if not len(images):
        return None
    named = {name: torch.from_numpy(value) for name, value in outputs.items()}
    asked = tasks.task(task)
    scores = asked.scores(named, *(torch.from_numpy(np.array(a)) for a in (images, targets)))
    return round(asked.figure(scores.double().mean().item()), 6)


def agreement(
    got: dict[str, np.ndarray], expected: dict[str, np.ndarray], choice: str | None
) -> dict[str, float]:
    """Return how a variant's answers differ from torch's: the largest difference of a value, and,
    where the task chooses among classes, the share of images with the same choice.
    """
    ((name, one),) = got.items()
    other = expected[name]
    figures = {"max_difference": float(f"{np.abs(one - other).max():.2g}")}
    if name == choice:
        figures["same_top1"] = round(float((one.argmax(1) == other.argmax(1)).mean()), 6)
    return figures
