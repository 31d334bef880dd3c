"""Random resized crops: a part of each image, brought to one size, all of a batch at once."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from sightline.images.random_numbers import RandomNumbers
from sightline.settings.recipe import Box, Recipe

TRIES = 10  # as many as torchvision's RandomResizedCrop makes
_AT_ONCE = {"cpu": 8}  # images, by device: few stay in a processor's cache


def training_view(
    rows: Tensor, extents: Tensor | None, recipe: Recipe, epoch: int, random: RandomNumbers
) -> Tensor:
    """Return what training shows of stored images, uint8 N x size x size x C, in an epoch."""
    size, box = recipe.size_in(epoch, rows.shape[1]), recipe.augment.crop
    return cropped(rows, extents, box, random, size) if box else resized(rows, extents, size)


def cropped(
    rows: Tensor, extents: Tensor | None, box: Box, random: RandomNumbers, size: int
) -> Tensor:
    """Return a random part of each image, uint8 N x size x size x C; arguments as of `resample`.

    `extents`: None where the images fill their rows.
    """
    extents = _full(rows) if extents is None else extents
    return resample(rows, extents, random_boxes(extents, box, random), size)


def resized(rows: Tensor, extents: Tensor | None, size: int) -> Tensor:
    """Return the square in the middle of each image, uint8 N x size x size x C."""
    if extents is None and rows.shape[1] == size:
        return rows
    extents = _full(rows) if extents is None else extents
    return resample(rows, extents, middle_squares(extents), size)


def _full(rows: Tensor) -> Tensor:
    return torch.tensor(rows.shape[1:3]).expand(len(rows), 2)


def random_boxes(extents: Tensor, box: Box, random: RandomNumbers) -> Tensor:
    """Return a box for each image, float N x 4: top, left, height and width, in pixels.

    `extents`, N x 2: heights and widths of the images. The box has a share of the image's area
    from `box.area`, a ratio of width to height from `box.ratio` (even in its logarithm), and lies
    anywhere in the image (Szegedy et al. 2015, arXiv:1409.4842). Where none of ten tries fits into
    the image, it is the largest one in the middle whose ratio is allowed.
    """
    height, width = extents.float().unbind(1)
    draws = random.uniform(2 * TRIES + 2)
    areas, ratios, place = draws[:TRIES], draws[TRIES:-2], draws[-2:]
    (least, most), (narrow, wide) = box.area, box.ratio
    area = (least + areas * (most - least)) * height * width
    ratio = torch.exp(math.log(narrow) + ratios * (math.log(wide) - math.log(narrow)))
    heights, widths = (area / ratio).sqrt(), (area * ratio).sqrt()
    fits = (heights <= height) & (widths <= width)
    first = fits.float().argmax(0, keepdim=True)
    high, broad = heights.gather(0, first)[0], widths.gather(0, first)[0]
    none = ~fits.any(0)
    allowed = (width / height).clamp(narrow, wide)
    high = torch.where(none, torch.minimum(height, width / allowed), high)
    broad = torch.where(none, torch.minimum(width, height * allowed), broad)
    at = torch.where(none, 0.5, place)
    return torch.stack([at[0] * (height - high), at[1] * (width - broad), high, broad], dim=1)


def middle_squares(extents: Tensor) -> Tensor:
    """Return the boxes of the squares in the middle, float N x 4, for images of these extents."""
    side = extents.min(1, keepdim=True).values
    return torch.cat([(extents - side) / 2, side, side], dim=1)


def resample(rows: Tensor, extents: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Return what the boxes hold, uint8 N x size x size x C.

    `rows` uint8 N x H x W x C, as `sightline.data.arrays.put` fills them with images of these
    extents; `extents` and `boxes` on the CPU. Bilinear; the filter widens as a box shrinks to
    `size`, as PIL's does, and sees the image beside its box.
    """
    lying = (extents[:, 0] > extents[:, 1]).view(-1, 1)
    # by axis of the rows: down an image that lies on its side is across the upright one
    start, length, limit = (
        torch.where(lying, x.flip(1), x).float() for x in (*boxes.split(2, 1), extents)
    )
    # here, and not on the device, so that nobody waits for a GPU
    pixels = 2 * math.ceil(max(1.0, length.max().item() / size)) + 1
    start, length, limit, lying = (
        x.to(rows.device, non_blocking=True) for x in (start, length, limit, lying)
    )
    at_once = _AT_ONCE.get(rows.device.type, 256)
    parts = []
    for begin in range(0, len(rows), at_once):
        part = slice(begin, begin + at_once)
        axes = start[part], length[part], limit[part]
        parts.append(_resampled(rows[part], *axes, lying[part], size, pixels))
    return torch.cat(parts)


def _resampled(
    rows: Tensor,
    start: Tensor,
    length: Tensor,
    limit: Tensor,
    lying: Tensor,
    size: int,
    pixels: int,
) -> Tensor:
    count, height, width, channels = rows.shape
    down, across = (
        filters(start[:, axis], length[:, axis], limit[:, axis], size, pixels) for axis in (0, 1)
    )
    x = _weighted(rows.float().view(count, height, -1), *down)
    x = x.view(count, size, width, channels).transpose(1, 2).reshape(count, width, -1)
    x = _weighted(x, *across).view(count, size, size, channels).round_().to(torch.uint8)
    return torch.where(lying.view(-1, 1, 1, 1), x, x.transpose(1, 2))


def _weighted(x: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Return weighted sums of lines, N x size x values, of lines N x L x values."""
    count, lines = x.shape[:2]
    index = index + lines * torch.arange(count, device=x.device).view(-1, 1, 1)
    sums = functional.embedding_bag(
        index.flatten(0, 1), x.flatten(0, 1), mode="sum", per_sample_weights=weights.flatten(0, 1)
    )
    return sums.view(count, index.shape[1], -1)


def filters(
    start: Tensor, length: Tensor, limit: Tensor, size: int, pixels: int
) -> tuple[Tensor, Tensor]:
    """Return which pixels of an axis each pixel of the result is made of, and their weights, both
    N x size x pixels.

    For each image: where its box starts and how long it is, and how many of the pixels are image.
    """
    scale = (length / size).view(-1, 1, 1)
    reach = scale.clamp(min=1)
    target = torch.arange(size, device=start.device).view(1, -1, 1) + 0.5
    centre, limit = start.view(-1, 1, 1) + target * scale, limit.view(-1, 1, 1)
    source = (centre - reach).floor() + torch.arange(pixels, device=start.device)
    weights = (1 - (source + 0.5 - centre).abs() / reach).clamp(min=0)
    weights = weights * ((source >= 0) & (source < limit))
    source = torch.minimum(source.clamp(min=0), limit - 1).long()
    return source, weights / weights.sum(2, keepdim=True)
