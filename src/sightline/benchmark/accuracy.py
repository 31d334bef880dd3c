"""Do the measured file's answers hold: against the labels, and against torch's."""

import numpy as np

from sightline.benchmark.contenders import Model

CHUNK = 256  # images at a time


def answers(model: Model, images: np.ndarray) -> np.ndarray:
    """Return the model's main output for all images: logits, or what its task has instead."""
    parts = []
    for start in range(0, len(images), CHUNK):
        outputs = model(np.array(images[start : start + CHUNK]))
        parts.append(outputs["logits"] if "logits" in outputs else next(iter(outputs.values())))
    return np.concatenate(parts)


def top1(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the share of images whose likeliest class is the right one; None for no images."""
    return round(float((logits.argmax(1) == labels).mean()), 6) if len(labels) else None


def agreement(got: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """Return how a variant's answers differ from torch's: the largest difference of a value, and,
    of logits, the share of images with the same likeliest class.
    """
    found = {"max_difference": float(f"{np.abs(got - expected).max():.2g}")}
    if got.ndim == 2:
        found["same_top1"] = round(float((got.argmax(1) == expected.argmax(1)).mean()), 6)
    return found
