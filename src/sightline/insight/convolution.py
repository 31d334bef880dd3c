"""What a convolutional network learned to look for, and what it makes of one image."""

import numpy as np
import torch
from torch import Tensor, nn

from sightline.drawing import charts
from sightline.drawing.charts import bare, show_image, side_by_side
from sightline.drawing.results_folder import ResultsFolder
from sightline.models.trained import TrainedModel
from sightline.tasks.asking import ask

COLUMNS, MOST = 8, 64  # filters in a row, filters in all
MAPS = 10  # of each size


def first_convolution(model: TrainedModel) -> nn.Conv2d | None:
    """Return the first convolution over as many channels as the images have, if there is one."""
    channels = model.description["shape"][2]
    for module in model.network.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == channels:
            return module
    return None


@torch.inference_mode()
def feature_maps(model: TrainedModel, image: Tensor) -> list[np.ndarray]:
    """Return what the network makes of one image, as maps C x h x w, from large to small.

    Of each size (h, w) the last maps are kept: the result of all layers that work at that size. A
    single pixel is no map. `image` uint8 1 x H x W x C.
    """
    last: dict[torch.Size, Tensor] = {}

    def keep(module: nn.Module, inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2:].numel() > 1:
            last[output.shape[2:]] = output[0].clone()  # a later layer may change it in place

    hooks = [module.register_forward_hook(keep) for module in model.network.modules()]
    try:
        ask(model, image)
    finally:
        for hook in hooks:
            hook.remove()
    return [maps.cpu().numpy() for maps in last.values()]


def leave(model: TrainedModel, image: Tensor, results: ResultsFolder) -> None:
    """Draw the pictures filters and features, where there are such, of one image, uint8 1 x H x W
    x C.
    """
    first = first_convolution(model)
    if first is not None:
        how = "learned" if first.weight.requires_grad else "set from the data, not learned"
        title = f"The filters of the first convolution ({how})\n{results.source}"
        weights = first.weight.detach().permute(0, 2, 3, 1).cpu().numpy()
        results.picture("filters", draw_filters(title, weights))
    maps = feature_maps(model, image)
    if maps:
        title = f"One image, size by size\n{results.title}"
        results.picture("features", draw_features(title, image[0].numpy(), maps))


def draw_filters(title: str, weights: np.ndarray) -> bytes:
    """Return filters K x h x w x C, float, as PNG: at most MOST of them.

    Three channels as colours: grey is 0, each filter in its own scale, for its hue to show. Other
    numbers as the weights of the first channel, all in one scale.
    """
    _, height, width, channels = weights.shape
    weights, largest = weights[:MOST], np.abs(weights).max()
    if channels == 3:
        weights = 0.5 + weights / (2 * np.abs(weights).max((1, 2, 3), keepdims=True))
    rows = -(-len(weights) // COLUMNS)
    figure = charts.canvas((8, 1.2 + 0.95 * rows), title)
    for row in range(rows):
        axes = bare(figure.add_subplot(rows, 1, row + 1))
        strip = side_by_side(weights[row * COLUMNS : (row + 1) * COLUMNS], COLUMNS)
        shown = axes.imshow(strip, cmap="RdBu", vmin=-largest, vmax=largest)
    if channels != 3:
        figure.colorbar(shown, ax=figure.axes, label="weight", shrink=0.9)
    axes.set_xlabel(f"each square: one filter of {height} x {width} weights", fontsize=10)
    return charts.png(figure)


def draw_features(title: str, image: np.ndarray, layers: list[np.ndarray]) -> bytes:
    """Return one image, uint8 H x W x C, and a row of each size's strongest maps, as PNG.

    `layers` holds C x h x w each. Each map has its own scale: dark its weakest response, bright its
    strongest.
    """
    figure = charts.canvas((10, 1.1 + 0.9 * len(layers)), title)
    grid = figure.add_gridspec(len(layers), 2, width_ratios=[1, 7])
    axes = figure.add_subplot(grid[:, 0])
    show_image(axes, image)
    axes.set_xlabel("what it was shown", fontsize=9)
    for row, maps in enumerate(layers):
        axes = bare(figure.add_subplot(grid[row, 1]))
        chosen = maps[np.argsort(-np.abs(maps).mean((1, 2)), kind="stable")[:MAPS]]
        low, high = chosen.min((1, 2), keepdims=True), chosen.max((1, 2), keepdims=True)
        scaled = (chosen - low) / np.where(high > low, high - low, 1)
        axes.imshow(side_by_side(scaled, MAPS), cmap="viridis", interpolation="nearest")
        size = f"{maps.shape[1]} x {maps.shape[2]}\n{len(maps)} maps"
        axes.set_ylabel(size, fontsize=9, rotation=0, ha="right", va="center")
    axes.set_xlabel(f"at each size the {MAPS} strongest maps; bright: strong response", fontsize=9)
    return charts.png(figure)
