"""brightness: how far the predictions are from the pixels."""

import numpy as np

from sightline.drawing import charts
from sightline.tasks.asking import output


def evaluate(model, splits, train_images, results) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave the table and the picture means, of test."""
    figures = {}
    for split, (images, targets) in splits.items():
        predictions = np.stack(
            [output(model, images, name) for name in model.task.words.outputs], 1
        )
        figures[split] = {"mae": round(float(np.abs(predictions - targets).mean()), 6)}
    rows = [(f"{a:.3f}", f"{p:.3f}") for a, p in zip(targets[:, 0], predictions[:, 0], strict=True)]
    results.table("means", ["actual", "predicted"], rows)
    figure, axes = charts.chart((5, 5), results.title, xlabel="actual", ylabel="predicted")
    axes.scatter(targets[:, 0], predictions[:, 0])
    results.picture("means", charts.png(figure))
    return figures
