"""Where a model looks: what covering a part of the image does to its answer."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from sightline.drawing import charts
from sightline.drawing.charts import show_image
from sightline.drawing.results_folder import ResultsFolder
from sightline.models.trained import TrainedModel
from sightline.tasks.asking import ask

POSITIONS = 12  # of the square, along each side of the image


@torch.inference_mode()
def occlusion(
    model: TrainedModel, image: Tensor, effect: Callable[[dict[str, Tensor]], Tensor], side: int
) -> np.ndarray:
    """Return, for each pixel, the mean effect of the squares that cover it: float H x W.

    A square of `side` pixels, of the train split's mean colour (zero to the network), stands at
    every place of a grid; `effect` turns the model's outputs for those N images into N values.
    `image` uint8 H x W x C. After Zeiler, Fergus 2014 (arXiv:1311.2901), section 4.2.
    """
    height, width, _ = image.shape
    corners = [(y, x) for y in _places(height, side) for x in _places(width, side)]
    mask = torch.zeros(len(corners), height, width, dtype=torch.bool)
    for square, (y, x) in zip(mask, corners, strict=True):
        square[y : y + side, x : x + side] = True
    covered = image.repeat(len(corners), 1, 1, 1)
    covered[mask] = (model.mean.cpu() * 255).round().to(torch.uint8)
    effects = effect(ask(model, covered)).double().view(-1, 1, 1)
    return ((effects * mask).sum(0) / mask.sum(0)).numpy()


def _places(length: int, side: int) -> list[int]:
    """Return where squares begin along one side: evenly, the first and last at the borders.

    Never further apart than a square is long: every pixel is covered by one of them.
    """
    count = max(min(POSITIONS, length - side + 1), -(-length // side))
    return np.linspace(0, length - side, count).round().astype(int).tolist()


@torch.inference_mode()
def effect_on(model: TrainedModel, image: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
    """Return the effect to measure for one image, uint8 H x W x C.

    With classes: by how much the log-probability (nats) of the class that the model names falls;
    below 0 where covering makes it surer. Else: how far the main output moves (Euclidean).
    """
    outputs, choice = ask(model, image.unsqueeze(0)), model.task.words.choice
    name = choice or next(iter(outputs))
    plain = outputs[name]
    if not choice:
        return lambda covered: (covered[name] - plain).reshape(len(covered[name]), -1).norm(dim=1)
    predicted = int(plain.argmax(1))
    sure = plain.log_softmax(1)[0, predicted]
    return lambda covered: sure - covered[name].log_softmax(1)[:, predicted]


def leave(
    model: TrainedModel,
    images: Tensor,
    which: np.ndarray,
    captions: list[str],
    results: ResultsFolder,
) -> None:
    """Leave the picture occlusion of images, uint8 N x H x W x C, and the table of each map's
    largest effect and its pixel; `which` are the images' places in the test split.
    """
    side = max(1, min(images.shape[1:3]) // 4)
    maps = [occlusion(model, image, effect_on(model, image), side) for image in images]
    rows = []
    for place, values in zip(which.tolist(), maps, strict=True):
        row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
        rows.append((place, f"{values[row, column]:.6g}", row, column))
    results.table("occlusion", ["image", "effect", "row", "column"], rows)
    unit = (
        "log-probability that the answer loses"
        if model.task.words.choice
        else "how far the output moves"
    )
    title = f"What covering a square of {side} x {side} pixels does\n{results.title}"
    results.picture("occlusion", maps_figure(title, images.numpy(), maps, captions, unit))


def maps_figure(
    title: str, images: np.ndarray, maps: list[np.ndarray], captions: list[str], unit: str
) -> bytes:
    """Return images, uint8 N x H x W x C, above their maps, H x W each, as PNG.

    Each map in its own scale; the stronger the effect, the less of the image shows through.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure = charts.canvas((10, 4.2), title)
    for column, (image, values, caption) in enumerate(zip(images, maps, captions, strict=True)):
        axes = figure.add_subplot(2, len(images), column + 1)
        show_image(axes, image)
        axes.set_title(caption, fontsize=8)
        axes = figure.add_subplot(2, len(images), len(images) + column + 1)
        show_image(axes, image, alpha=0.35)
        largest = np.abs(values).max()
        share = values / (largest or 1)
        axes.imshow(share, cmap="RdBu_r", vmin=-1, vmax=1, alpha=0.9 * np.abs(share))
        axes.set_xlabel(f"largest: {largest:.2g}", fontsize=9)
    bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), "RdBu_r"), ax=figure.axes, shrink=0.8)
    bar.set_label(f"{unit},\nas a share of the image's largest", fontsize=9)
    return charts.png(figure)
