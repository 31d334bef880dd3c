"""Which classes a model takes for one another, and what those images look like."""

from collections import Counter

import numpy as np

from sightline.drawing import charts
from sightline.drawing.charts import bare, side_by_side
from sightline.drawing.results_folder import ResultsFolder
from sightline.drawing.text import NAME_TAIL, shortened
from sightline.errors import SightlineError
from sightline.files import read_table
from sightline.layout import Drawn
from sightline.tasks.asking import Model

PAIRS, EXAMPLES = 6, 6  # most frequent mistakes, images of each
NAME = 120  # pixels of a class name in the sheets' font, which is 4/5 as large as the captions'


def leave(model: Model, images: np.ndarray, evaluation: Drawn, results: ResultsFolder) -> None:
    """Leave the table and the picture confused, of evaluate's table of all answers on test.

    `images` uint8 N x H x W x C: the test split. Raises SightlineError where evaluate has not run,
    or ran on another split.
    """
    path, again = evaluation.table("confusion"), f"dvc repro evaluate@{model.description['name']}"
    answers = [(row["actual"], row["predicted"]) for row in read_table(path, f"run `{again}`")]
    if len(answers) != len(images):
        raise SightlineError(f"{path} has {len(answers)} of {len(images)} answers: run `{again}`")
    counts = Counter(actual for actual, _ in answers)
    pairs = [(*pair, counts[pair[0]]) for pair in confused_pairs(answers)]
    results.table("confused", ["actual", "predicted", "count", "of"], pairs)
    rows = []
    for actual, predicted, count, of in pairs:
        places = [place for place, pair in enumerate(answers) if pair == (actual, predicted)]
        names = [shortened(name, NAME, NAME_TAIL) for name in (actual, predicted)]
        caption = f"is {names[0]}\npredicted {names[1]}\n{count} of {of}"
        rows.append((caption, np.array(images[places[:EXAMPLES]])))
    title = f"What is taken for something else most often\n{results.title}"
    results.picture("confused", rows_of_examples(title, rows))


def confused_pairs(answers: list[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Return the most frequent mistakes, at most PAIRS: actual, predicted, how often.

    `answers` holds (actual, predicted) for each image; of equally frequent mistakes the one that
    came first stands first.
    """
    wrong = Counter(pair for pair in answers if pair[0] != pair[1])
    return [(*pair, count) for pair, count in wrong.most_common(PAIRS)]


def rows_of_examples(title: str, rows: list[tuple[str, np.ndarray]]) -> bytes:
    """Return a row of images, uint8 K x H x W x C, beside each caption, as PNG."""
    figure = charts.canvas((8, 0.8 + 0.95 * max(1, len(rows))), title)
    if not rows:
        figure.text(0.5, 0.4, "No mistake on the test split.", ha="center")
    for row, (caption, images) in enumerate(rows):
        axes = bare(figure.add_subplot(len(rows), 1, row + 1))
        strip = side_by_side(images / 255, EXAMPLES)
        axes.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_ylabel(caption, fontsize=9, rotation=0, ha="right", va="center")
    return charts.png(figure)
