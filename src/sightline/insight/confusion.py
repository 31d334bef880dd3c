"""Which classes a model takes for one another, and what those images look like."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np

from sightline.evaluation import pictures
from sightline.evaluation.report import Report
from sightline.insight.drawing import bare, side_by_side

PAIRS, EXAMPLES = 6, 6  # most frequent mistakes, images of each


def confused_pairs(answers: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes, at most PAIRS: actual, predicted, how often.

    `answers` holds (actual, predicted) for each image; of equally frequent mistakes the one that
    came first stands first.
    """
    wrong = Counter(pair for pair in answers if pair[0] != pair[1])
    return [(*pair, count) for pair, count in wrong.most_common(PAIRS)]


def leave(answers: Path, images: np.ndarray, report: Report) -> None:
    """Leave the table and the picture confused, of evaluate's table of all answers on test.

    `images` uint8 N x H x W x C: the test split.
    """
    with answers.open(encoding="utf-8", newline="") as file:
        said = [(row["actual"], row["predicted"]) for row in csv.DictReader(file)]
    counts = Counter(actual for actual, _ in said)
    pairs = [(*pair, counts[pair[0]]) for pair in confused_pairs(said)]
    report.table("confused", ["actual", "predicted", "count", "of"], pairs)
    rows = []
    for actual, predicted, count, of in pairs:
        places = [place for place, answer in enumerate(said) if answer == (actual, predicted)]
        caption = f"is {actual[:20]}\nsaid: {predicted[:20]}\n{count} of {of}"
        rows.append((caption, np.array(images[places[:EXAMPLES]])))
    title = f"What is taken for something else most often\n{report.title}"
    report.picture("confused", draw(title, rows))


def draw(title: str, rows: list[tuple[str, np.ndarray]]) -> bytes:
    """Return a row of images, uint8 K x H x W x C, beside each caption, as PNG."""
    figure = pictures.canvas((8, 0.8 + 0.95 * max(1, len(rows))), title)
    if not rows:
        figure.text(0.5, 0.4, "No mistake on the test split.", ha="center")
    for row, (caption, images) in enumerate(rows):
        axes = bare(figure.add_subplot(len(rows), 1, row + 1))
        strip = side_by_side(images / 255, EXAMPLES)
        axes.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_ylabel(caption, fontsize=9, rotation=0, ha="right", va="center")
    return pictures.png(figure)
