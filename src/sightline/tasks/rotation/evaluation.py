"""rotation: how far the predicted angles are from those by which images were turned."""

import numpy as np

from sightline.drawing import charts, sheets
from sightline.drawing.results_folder import ResultsFolder
from sightline.tasks.asking import Model, output
from sightline.tasks.rotation.task import LIMIT

SHOWN = 24  # of the worst answers


def evaluate(
    model: Model,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    train_images: np.ndarray,
    results: ResultsFolder,
) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave the table angles and the pictures angles and
    wrongest, all of test.

    `splits` holds turned images and the angles, in degrees; `rmse` and `mae` are in degrees too.
    """
    angles = {split: output(model, images, "angle") for split, (images, _) in splits.items()}
    (images, actual), predicted = splits["test"], angles["test"]
    results.table(
        "angles",
        ["actual", "predicted"],
        ((f"{a:.3f}", f"{p:.3f}") for a, p in zip(actual, predicted, strict=True)),
    )
    results.picture("angles", scatter(actual, predicted, results.title))
    worst = np.argsort(-np.abs(predicted - actual), kind="stable")[:SHOWN]
    captions = [(f"turned {actual[i]:+.0f}°", f"predicted {predicted[i]:+.0f}°") for i in worst]
    results.picture("wrongest", sheets.sheet(images[worst], captions, "No image."))
    return {split: figures(angles[split], splits[split][1]) for split in splits}


def figures(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Return root mean squared and mean absolute error, and the loss that training minimised."""
    error = predicted.astype(np.float64) - actual
    mse = float((error**2).mean())
    exact = {"rmse": mse**0.5, "mae": float(np.abs(error).mean()), "loss": mse / LIMIT**2}
    return {key: round(value, 6) for key, value in exact.items()}


def scatter(actual: np.ndarray, predicted: np.ndarray, title: str) -> bytes:
    """Return a scatter plot of predicted against actual angles, as PNG."""
    figure, axes = charts.chart(
        (5.5, 5.5), title, xlabel="turned by, degrees", ylabel="predicted, degrees"
    )
    axes.plot([-LIMIT, LIMIT], [-LIMIT, LIMIT], c="C1", lw=1, label="right")
    axes.scatter(actual, predicted, s=4, alpha=0.25, lw=0, label="an image")
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend()
    return charts.png(figure)
