"""TrivialAugment: each image changed by one operation, drawn for it with a strength of its own.

Müller, Hutter 2021 (arXiv:2103.10158), the wide space, as torchvision's TrivialAugmentWide has it:
the same operations, strengths and pixels. Given a batch, that draws one operation for all of it.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from sightline.images.colour import blend, grey
from sightline.images.random_numbers import RandomNumbers

STRENGTHS = 31  # evenly spaced, from nothing to the most
SHEAR, PIXELS, DEGREES, SHARE = 0.99, 32, 135.0, 0.99  # the most
# of uint8 images N x H x W x C, by strengths N from -1 to 1
Operation = Callable[[Tensor, Tensor], Tensor]


def trivial(images: Tensor, random: RandomNumbers) -> Tensor:
    """Return uint8 images N x H x W x C, each changed by one of OPERATIONS."""
    operation = random.integers(0, len(OPERATIONS) - 1)
    strength = random.integers(0, STRENGTHS - 1) / (STRENGTHS - 1)
    strength = torch.where(random.uniform() < 0.5, -strength, strength)
    changed = images.clone()
    # who draws what is known here, so that nobody waits for a GPU
    for number, change in enumerate(OPERATIONS.values()):
        which = (operation == number).nonzero()[:, 0]
        if len(which):
            own = strength[which].to(images.device, non_blocking=True)
            which = which.to(images.device, non_blocking=True)
            changed[which] = change(images[which], own)
    return changed


def _unchanged(images: Tensor, strength: Tensor) -> Tensor:
    return images


def _sheared_across(images: Tensor, strength: Tensor) -> Tensor:
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    slope = strength * SHEAR
    return _mapped(images, [[one, slope, slope * images.shape[1] / 2], [zero, one, zero]])


def _sheared_down(images: Tensor, strength: Tensor) -> Tensor:
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    slope = strength * SHEAR
    return _mapped(images, [[one, zero, zero], [slope, one, slope * images.shape[2] / 2]])


def _moved_across(images: Tensor, strength: Tensor) -> Tensor:
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _mapped(images, [[one, zero, -_pixels(strength)], [zero, one, zero]])


def _moved_down(images: Tensor, strength: Tensor) -> Tensor:
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _mapped(images, [[one, zero, zero], [zero, one, -_pixels(strength)]])


def _pixels(strength: Tensor) -> Tensor:
    return (strength * PIXELS).trunc()


def _turned(images: Tensor, strength: Tensor) -> Tensor:
    angle = torch.deg2rad(strength * DEGREES)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _mapped(images, [[cos, -sin, zero], [sin, cos, zero]])


def _mapped(images: Tensor, matrix: list[list[Tensor]]) -> Tensor:
    """Return images whose pixel at (x, y) is the one at matrix (x, y, 1) of the given ones, the
    nearest; black where there is none. x and y are counted from the centre.
    """
    count, height, width, _ = images.shape
    device = images.device
    x = torch.arange(width, device=device).view(1, 1, -1) - (width - 1) / 2
    y = torch.arange(height, device=device).view(1, -1, 1) - (height - 1) / 2
    column, row = (
        (a.view(-1, 1, 1) * x + b.view(-1, 1, 1) * y + (c.view(-1, 1, 1) + (side - 1) / 2)).round()
        for (a, b, c), side in zip(matrix, (width, height), strict=True)
    )
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = column.clamp(0, width - 1).long(), row.clamp(0, height - 1).long()
    which = torch.arange(count, device=device).view(-1, 1, 1)
    return torch.where(inside.unsqueeze(3), images[which, row, column], 0)


def _brighter(images: Tensor, strength: Tensor) -> Tensor:
    x = images.float()
    return _blended(x, torch.zeros_like(x), strength)


def _more_colourful(images: Tensor, strength: Tensor) -> Tensor:
    x = images.float()
    return _blended(x, grey(x).floor(), strength)


def _more_contrast(images: Tensor, strength: Tensor) -> Tensor:
    x = images.float()
    return _blended(x, grey(x).floor().mean(dim=(1, 2, 3), keepdim=True), strength)


def _sharper(images: Tensor, strength: Tensor) -> Tensor:
    x = images.float()
    if min(x.shape[1:3]) < 3:
        return images
    sums = 9 * functional.avg_pool2d(x.permute(0, 3, 1, 2), 3, stride=1).permute(0, 2, 3, 1)
    smooth = x.clone()  # PIL's filter: the centre counts 5, its neighbours 1; the border stays
    smooth[:, 1:-1, 1:-1] = ((sums + 4 * x[:, 1:-1, 1:-1]) / 13).round()
    return _blended(x, smooth, strength)


def _blended(x: Tensor, other: Tensor, strength: Tensor) -> Tensor:
    return blend(x, other, (1 + strength * SHARE).view(-1, 1, 1, 1)).to(torch.uint8)


def _with_fewer_levels(images: Tensor, strength: Tensor) -> Tensor:
    dropped = (6 * strength.abs()).round()  # of 8 bits
    step = (2**dropped).to(torch.uint8).view(-1, 1, 1, 1)
    return images // step * step


def _inverted_above(images: Tensor, strength: Tensor) -> Tensor:
    halves = (510 * (1 - strength.abs())).round()  # every strength's threshold is a half level
    threshold = (halves / 2).view(-1, 1, 1, 1)
    return torch.where(images >= threshold, 255 - images, images)


def _stretched(images: Tensor, strength: Tensor) -> Tensor:
    x = images.float()
    least, most = x.amin((1, 2), keepdim=True), x.amax((1, 2), keepdim=True)
    flat = least == most
    scale = torch.where(flat, 1.0, (most - least) / 255)
    stretched = (x - torch.where(flat, 0.0, least)) / scale
    return stretched.clamp(0, 255).to(torch.uint8)


def _equalised(images: Tensor, strength: Tensor) -> Tensor:
    """Return images with each level about as often as every other, channel by channel (PIL's)."""
    count, height, width, channels = images.shape
    levels = images.permute(0, 3, 1, 2).reshape(count * channels, height * width).long()
    ones = torch.ones_like(levels)
    often = torch.zeros(len(levels), 256, dtype=ones.dtype, device=images.device)
    often.scatter_add_(1, levels, ones)
    sums = often.cumsum(1)
    # the last level that there is, which has all pixels behind it, is left out of the count
    last = often.gather(1, levels.amax(1, keepdim=True))
    step = (height * width - last) // 255
    before = sums - often
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalised = torch.where(step > 0, table.gather(1, levels), levels)
    shape = (count, channels, height, width)
    return equalised.view(shape).permute(0, 2, 3, 1).contiguous().to(torch.uint8)


OPERATIONS: dict[str, Operation] = {  # by torchvision's names, in its order
    "Identity": _unchanged,
    "ShearX": _sheared_across,
    "ShearY": _sheared_down,
    "TranslateX": _moved_across,
    "TranslateY": _moved_down,
    "Rotate": _turned,
    "Brightness": _brighter,
    "Color": _more_colourful,
    "Contrast": _more_contrast,
    "Sharpness": _sharper,
    "Posterize": _with_fewer_levels,
    "Solarize": _inverted_above,
    "AutoContrast": _stretched,
    "Equalize": _equalised,
}
