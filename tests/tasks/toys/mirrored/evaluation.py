"""mirrored: the share of right answers."""

import numpy as np

from sightline.tasks.asking import output


def evaluate(model, splits, train_images, results) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave nothing else."""
    return {
        split: figures_of(output(model, images, "scores"), targets)
        for split, (images, targets) in splits.items()
    }


def figures_of(scores: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return the figures of scores, N x 2."""
    return {"accuracy": round(float((scores.argmax(1) == targets).mean()), 6)}
