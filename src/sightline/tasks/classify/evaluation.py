"""classify: top-1, calibration, precision and recall by class, confusions, the worst mistakes."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy

from sightline.drawing import charts, sheets
from sightline.drawing.results_folder import ResultsFolder
from sightline.drawing.text import NAME_TAIL, shortened
from sightline.tasks.asking import Model, output

SHOWN = 24  # of the worst mistakes
TOP5_FROM = 20  # classes: among ten, five guesses say little
COUNTED = 25  # classes up to which each cell has its count
NAMED = 100  # classes that have their name: of more, so many at equal distances
NAME = 140  # pixels of a name in the sheets' font


def evaluate(
    model: Model,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    train_images: np.ndarray,
    results: ResultsFolder,
) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave the tables confusion and per_class and the pictures
    confusion and wrongest, all of test.

    `splits` holds images and labels; `train_images` are not asked about.
    """
    logits = {split: output(model, images, "logits") for split, (images, _) in splits.items()}
    (images, labels), classes = splits["test"], results.classes
    probabilities = softmax(logits["test"])
    predicted = probabilities.argmax(1)
    results.table(
        "confusion",
        ["actual", "predicted"],
        ((classes[a], classes[p]) for a, p in zip(labels, predicted, strict=True)),
    )
    results.table(
        "per_class",
        ["class", "precision", "recall", "count"],
        per_class(labels, predicted, classes),
    )
    results.picture("confusion", confusion_matrix(labels, predicted, classes, results.title))
    results.picture("wrongest", wrongest(images, labels, probabilities, classes))
    return {split: figures_of(logits[split], splits[split][1]) for split in splits}


def figures_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return top-1, top-5 (from 20 classes on), mean cross entropy and calibration error.

    `logits`: N x classes, of one view of each image or the mean over several.
    """
    probabilities = softmax(logits)
    figures = {"top1": float((probabilities.argmax(1) == labels).mean())}
    if probabilities.shape[1] >= TOP5_FROM:
        best = np.argpartition(-probabilities, 5, axis=1)[:, :5]
        figures["top5"] = float((best == labels[:, None]).any(1).mean())
    # of the logits, as in training: a probability that float32 rounds to 0 has no logarithm
    loss = cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(labels))
    figures["loss"] = float(loss)
    figures["ece"] = expected_calibration_error(probabilities, labels)
    return {key: round(value, 6) for key, value in figures.items()}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, N x classes."""
    return torch.from_numpy(logits).softmax(dim=1).numpy()


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> float:
    """Return the mean gap between confidence and accuracy over equal bins of confidence.

    Guo et al. 2017 (arXiv:1706.04599), equation 3: 0 is a model whose 80 % come true in 80 of 100.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(which, confidence - correct, bins)
    return float(np.abs(gap).sum() / len(labels))


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> list[tuple]:
    """Return class, precision, recall and count in the split; precision is empty where the class
    was never predicted, recall where the split holds none of it.
    """
    rows = []
    for index, name in enumerate(classes):
        hits = int(((labels == index) & (predicted == index)).sum())
        guesses, count = int((predicted == index).sum()), int((labels == index).sum())
        precision = f"{hits / guesses:.6f}" if guesses else ""
        rows.append((name, precision, f"{hits / count:.6f}" if count else "", count))
    return rows


def wrongest(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, classes: list[str]
) -> Image.Image:
    """Return a picture of the mistakes that the model was surest of, each with what it is, what the
    model says, and how sure it is.
    """
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    captions = [
        (f"is {classes[labels[index]]}", f"{classes[predicted[index]]} {100 * sure[index]:.0f} %")
        for index in wrong
    ]
    return sheets.sheet(images[wrong], captions, "No mistake on the test split.")


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, classes: list[str], title: str
) -> bytes:
    """Return the confusion matrix of labels and predictions, int N, as PNG.

    Each row is scaled to the share of its actual class, so that rare classes show as well.
    """
    counted = Counter(zip(labels.tolist(), predicted.tolist(), strict=True))
    every = range(len(classes))
    counts = np.array([[counted[actual, guess] for guess in every] for actual in every])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(classes) <= COUNTED
    size = max(4.5, 2.5 + 0.45 * len(classes)) if few else 14
    figure, axes = charts.chart((size + 0.8, size), title, xlabel="predicted", ylabel="actual")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the actual class")
    named = every[:: -(-len(classes) // NAMED)]
    names, text_size = (
        [shortened(classes[index], NAME, NAME_TAIL) for index in named],
        10 if few else 6.5,
    )
    slant: dict[str, Any] = {"rotation": 45, "ha": "right"} if few else {"rotation": 90}
    axes.set_xticks(named, names, fontsize=text_size, **slant)
    axes.set_yticks(named, names, fontsize=text_size)
    if few:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    return charts.png(figure)
