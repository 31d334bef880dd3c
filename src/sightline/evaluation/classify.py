"""classify: top-1, calibration, precision and recall by class, confusions, the worst mistakes."""

import numpy as np
from PIL import Image

from sightline.evaluation import pictures
from sightline.evaluation.report import Report, answers
from sightline.trained import TrainedModel

SHOWN = 24  # of the worst mistakes
TOP5_FROM = 20  # classes: among ten, five guesses say little


def evaluate(
    model: TrainedModel,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    train_images: np.ndarray,
    report: Report,
) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave the tables confusion and per_class and the pictures
    confusion and wrongest, all of test.

    `splits` holds images and labels; `train_images` are not asked about.
    """
    said = {split: probabilities(model, images) for split, (images, _) in splits.items()}
    (images, labels), classes = splits["test"], report.classes
    predicted = said["test"].argmax(1)
    report.table(
        "confusion",
        ["actual", "predicted"],
        ((classes[a], classes[p]) for a, p in zip(labels, predicted, strict=True)),
    )
    report.table(
        "per_class",
        ["class", "precision", "recall", "count"],
        per_class(labels, predicted, classes),
    )
    report.picture("confusion", pictures.confusion(labels, predicted, classes, report.title))
    report.picture("wrongest", wrongest(images, labels, said["test"], classes))
    return {split: classification(said[split], labels) for split, (_, labels) in splits.items()}


def probabilities(model: TrainedModel, images: np.ndarray) -> np.ndarray:
    """Return float32 probabilities, N x classes, of uint8 images N x H x W x C."""
    return np.concatenate([o["probabilities"].numpy() for _, o in answers(model, images)])


def classification(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return top-1, top-5 (from 20 classes on), mean cross entropy and calibration error."""
    actual = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12, 1)
    figures = {"top1": float((probabilities.argmax(1) == labels).mean())}
    if probabilities.shape[1] >= TOP5_FROM:
        best = np.argpartition(-probabilities, 5, axis=1)[:, :5]
        figures["top5"] = float((best == labels[:, None]).any(1).mean())
    figures["loss"] = float(-np.log(actual).mean())
    figures["ece"] = expected_calibration_error(probabilities, labels)
    return {key: round(value, 6) for key, value in figures.items()}


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
        (
            f"is {classes[labels[index]][:16]}",
            f"{classes[predicted[index]][:14]} {100 * sure[index]:.0f} %",
        )
        for index in wrong
    ]
    return pictures.sheet(images[wrong], captions, "No mistake on the test split.")
