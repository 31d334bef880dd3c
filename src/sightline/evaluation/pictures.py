"""Pictures of an evaluation: sheets of images by PIL, charts by matplotlib. Equal figures, equal
bytes.
"""

import io
from collections import Counter

import numpy as np
from PIL import Image, ImageDraw, ImageFont

COLUMNS = 6  # of a sheet
SIDE, CAPTION, GAP = 112, 34, 8  # of each image, of its two lines, between them; pixels
LABELLED = 25  # classes up to which each gets its name and each cell its count


def sheet(images: np.ndarray, captions: list[tuple[str, str]], nothing: str) -> Image.Image:
    """Return images, uint8 N x H x W x C, in a grid, each above two lines: what it is in black,
    what the model says in red. Without an image it says `nothing`.
    """
    font = ImageFont.load_default(11)
    lines = max(1, -(-len(images) // COLUMNS))
    across, down = SIDE + GAP, SIDE + CAPTION + GAP
    page = Image.new("RGB", (COLUMNS * across + GAP, lines * down + GAP), "white")
    draw = ImageDraw.Draw(page)
    if not len(images):
        draw.text((12, 12), nothing, "black", font)
    for place, (image, (is_, said)) in enumerate(zip(images, captions, strict=True)):
        left, top = GAP + place % COLUMNS * across, GAP + place // COLUMNS * down
        shown = Image.fromarray(image.squeeze())
        page.paste(shown.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))
        draw.text((left, top + SIDE + 2), is_, "black", font)
        draw.text((left, top + SIDE + 16), said, "#b00020", font)
    return page


def canvas(size: tuple[float, float], title: str):
    """Return an empty matplotlib figure of `size` inches: no display, no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    return figure


def chart(size: tuple[float, float], title: str, **labels: str):
    """Return an empty figure of `size` inches, as `canvas`, and its axes."""
    figure = canvas(size, title)
    return figure, figure.add_subplot(**labels)


def png(figure) -> bytes:
    """Return a matplotlib figure as PNG."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100, metadata={"Software": None})  # no version in the bytes
    return picture.getvalue()


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: list[str], title: str) -> bytes:
    """Return the confusion matrix of labels and predictions, int N, as PNG.

    Each row is scaled to the share of its actual class, so that rare classes show as well.
    """
    counted = Counter(zip(labels.tolist(), predicted.tolist(), strict=True))
    every = range(len(classes))
    counts = np.array([[counted[actual, said] for said in every] for actual in every])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    few = len(classes) <= LABELLED
    size = max(4.5, 2.5 + 0.45 * len(classes)) if few else 9
    figure, axes = chart((size + 0.8, size), title, xlabel="predicted", ylabel="actual")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the actual class")
    if few:
        axes.set_xticks(every, classes, rotation=45, ha="right")
        axes.set_yticks(every, classes)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    return png(figure)
