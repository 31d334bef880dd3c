"""Evaluation: how good a trained model is on the splits that training never saw, and where not."""

import csv
import io
import json
import logging
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.utils.flop_counter import FlopCounterMode

from sightline.data.arrays import load_meta, load_split
from sightline.files import write_atomically, write_json
from sightline.layout import Layout
from sightline.trained import TrainedModel, load_model

logger = logging.getLogger(__name__)

BATCH = 500
TOP5_FROM = 20  # classes: among ten, five guesses say little


def evaluate(name: str, layout: Layout) -> None:
    """Write metrics.json, confusion.csv, per_class.csv and wrongest.png of one model.

    Raises SightlineError where the model or its data is missing.
    """
    model = load_model(layout.model(name))
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    folder, report = layout.processed(model.description["data"]["dataset"]), layout.report(name)
    meta = load_meta(folder)
    metrics = {
        "catalogue": meta["catalogue"],
        "task": model.description["task"],
        "parameters": model.description["parameters"],
        "flops": flops(model),
    }
    for split in ("val", "test"):
        images, labels = load_split(folder, split)
        if len(labels):
            probabilities = predict(model, images)
            metrics[split] = classification(probabilities, labels)
    write_json(report / "metrics.json", metrics)
    classes, predicted = meta["classes"], probabilities.argmax(1)
    write_csv(
        report / "confusion.csv",
        ["actual", "predicted"],
        ((classes[a], classes[p]) for a, p in zip(labels, predicted, strict=True)),
    )
    write_csv(
        report / "per_class.csv",
        ["class", "precision", "recall", "count"],
        per_class(labels, predicted, classes),
    )
    (report / "wrongest.png").unlink(missing_ok=True)  # it may be a link into DVC's cache
    wrongest(images, labels, probabilities, classes).save(report / "wrongest.png")
    logger.info("%s: %s", name, json.dumps(metrics))


@torch.inference_mode()
def predict(model: TrainedModel, images: np.ndarray) -> np.ndarray:
    """Return float32 probabilities, N x classes, of uint8 images N x H x W x C."""
    parts = [
        model(torch.from_numpy(np.array(images[start : start + BATCH])))["probabilities"].numpy()
        for start in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts)


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


def flops(model: TrainedModel) -> int:
    """Return the floating-point operations for one image: two per multiply-accumulate, of
    convolutions, linear layers and recurrent layers; activations and norms are not counted.
    """
    height, width, channels = model.description["shape"]
    image = torch.zeros(1, height, width, channels, dtype=torch.uint8)
    counter = FlopCounterMode(display=False)
    seen, recurrent = 0, 0

    def enter(module: torch.nn.RNNBase, inputs: tuple) -> None:
        nonlocal seen
        seen = counter.get_total_flops()

    def leave(module: torch.nn.RNNBase, inputs: tuple, output: tuple) -> None:
        # the counter sees into some of torch's recurrent layers and not into the fused ones: what
        # it saw is replaced by every weight matrix, once a step
        nonlocal recurrent
        matrices = sum(p.numel() for p in module.parameters() if p.ndim == 2)
        recurrent += 2 * inputs[0].shape[1] * matrices - (counter.get_total_flops() - seen)

    hooks = []
    for module in model.modules():
        if isinstance(module, torch.nn.RNNBase):
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    with torch.inference_mode(), counter:
        model(image)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() + recurrent


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


def write_csv(path: Path, header: list[str], rows) -> None:
    """Write a table."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomically(path, table.getvalue())


def wrongest(
    images: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: list[str],
    columns: int = 6,
    rows: int = 4,
    side: int = 112,
) -> Image.Image:
    """Return a picture of the mistakes that the model was surest of, each with what it is, what the
    model says, and how sure it is.
    """
    predicted, sure = probabilities.argmax(1), probabilities.max(1)
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][: columns * rows]
    font, caption = ImageFont.load_default(11), 34
    lines = max(1, -(-len(wrong) // columns))
    sheet = Image.new("RGB", (columns * (side + 8) + 8, lines * (side + caption + 8) + 8), "white")
    draw = ImageDraw.Draw(sheet)
    if not len(wrong):
        draw.text((12, 12), "No mistake on the test split.", "black", font)
    for place, index in enumerate(wrong):
        left = 8 + place % columns * (side + 8)
        top = 8 + place // columns * (side + caption + 8)
        image = Image.fromarray(images[index].squeeze())
        sheet.paste(image.resize((side, side), Image.Resampling.NEAREST), (left, top))
        said = f"{classes[predicted[index]][:14]} {100 * sure[index]:.0f} %"
        draw.text((left, top + side + 2), f"is {classes[labels[index]][:16]}", "black", font)
        draw.text((left, top + side + 16), said, "#b00020", font)
    return sheet
