"""Random resized crops: a part of each image, brought to one size, all of a batch at once."""

import math

import torch
from torch import Tensor

from sightline.images.random_numbers import RandomNumbers
from sightline.settings.recipe import Box

TRIES = 10  # as many as torchvision's RandomResizedCrop makes
_AT_ONCE = {"cpu": 16}  # images, by device; a GPU has more cores to fill


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
    extents. Bilinear; the filter widens as a box shrinks to `size`, as PIL's does, and sees the
    image beside its box.
    """
    device = rows.device
    extents, boxes = (x.float().to(device, non_blocking=True) for x in (extents, boxes))
    at_once = _AT_ONCE.get(device.type, 256)
    parts = zip(rows.split(at_once), extents.split(at_once), boxes.split(at_once), strict=True)
    return torch.cat([_resampled(*part, size) for part in parts])


def _resampled(rows: Tensor, extents: Tensor, boxes: Tensor, size: int) -> Tensor:
    lying = (extents[:, 0] > extents[:, 1]).view(-1, 1)
    # by axis of the rows: down an image that lies on its side is across the upright one
    start, length, limit = (
        torch.where(lying, x.flip(1), x) for x in (boxes[:, :2], boxes[:, 2:], extents)
    )
    down, across = (
        filters(start[:, axis], length[:, axis], limit[:, axis], rows.shape[axis + 1], size)
        for axis in (0, 1)
    )
    count, height, width, channels = rows.shape
    shrunk = down @ rows.float().view(count, height, width * channels)
    planes = shrunk.view(count, size, width, channels).permute(0, 3, 1, 2)
    planes = planes.reshape(count, channels * size, width) @ across.mT
    planes = planes.view(count, channels, size, size).round_().to(torch.uint8)
    images = torch.where(lying.view(-1, 1, 1, 1), planes.mT, planes)
    return images.permute(0, 2, 3, 1).contiguous()


def filters(start: Tensor, length: Tensor, limit: Tensor, pixels: int, size: int) -> Tensor:
    """Return the weights of an axis's pixels in each pixel of the result, N x size x pixels.

    For each image: where its box starts and how long it is, and how many of the pixels are image.
    """
    scale = (length / size).view(-1, 1, 1)
    target = torch.arange(size, device=start.device).view(1, -1, 1) + 0.5
    source = torch.arange(pixels, device=start.device).view(1, 1, -1) + 0.5
    away = (source - start.view(-1, 1, 1) - target * scale).abs()
    weights = (1 - away / scale.clamp(min=1)).clamp(min=0) * (source < limit.view(-1, 1, 1))
    return weights / weights.sum(2, keepdim=True)
