"""Pictures of figures."""

import csv
from collections import Counter
from pathlib import Path

LABELLED = 25  # classes up to which each gets its name and each cell its count


def confusion_picture(table: Path, classes: list[str], picture: Path) -> None:
    """Draw the confusion matrix of `table` (columns actual, predicted; a row an image) as a PNG.

    Each row is scaled to the share of its actual class, so that rare classes show as well.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with table.open(encoding="utf-8", newline="") as file:
        counted = Counter((row["actual"], row["predicted"]) for row in csv.DictReader(file))
    counts = np.array([[counted[actual, predicted] for predicted in classes] for actual in classes])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(classes) <= LABELLED
    size = 2.5 + 0.45 * len(classes) if few else 9
    figure = Figure((size + 0.8, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="predicted", ylabel="actual")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the actual class")
    if few:
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
        axes.set_yticks(range(len(classes)), classes)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(picture, dpi=100)
