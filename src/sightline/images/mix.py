"""Mixup and CutMix: each image with a part of its neighbour's, and its class with the neighbour's.

Neighbours are the images 2k and 2k + 1 of a batch: the order of an epoch is random already, and
ranks need no image of one another.
"""

import torch
from torch import Tensor
from torch.nn import functional

from sightline.images.random_numbers import RandomNumbers

TRIES = 32  # of the two numbers from which a beta variable is made; half of them fail at worst


def mix(
    images: Tensor, labels: Tensor, classes: int, mixup: float, cutmix: float, random: RandomNumbers
) -> tuple[Tensor, Tensor]:
    """Return mixed images, uint8 N x H x W x C, and their classes' shares, float N x classes.

    `mixup`: alpha of Zhang et al. 2017 (arXiv:1710.09412); `cutmix`: that of Yun et al. 2019
    (arXiv:1905.04899); 0: not that one. Where both are set, each image draws which. The last image
    of an odd number stays as it is.
    """
    device, (count, height, width) = images.device, images.shape[:3]
    neighbour = torch.arange(count, device=device) ^ 1
    neighbour = torch.where(neighbour < count, neighbour, neighbour - 1)
    draws = random.uniform(3)
    blends = draws[0] < (0.5 if mixup and cutmix else float(mixup > 0))
    shares = torch.where(blends, beta(mixup or 1.0, random), beta(cutmix or 1.0, random))
    blends, shares, draws = (x.to(device, non_blocking=True) for x in (blends, shares, draws))
    # a box with the image's own ratio, about any of its points, cut off at the border
    side = (1 - shares).sqrt()
    rows = _inside(draws[1], side, height)
    columns = _inside(draws[2], side, width)
    in_box = rows.unsqueeze(2) & columns.unsqueeze(1)
    box_share = 1 - in_box.float().mean(dim=(1, 2))
    shares = torch.where(blends, shares, box_share)
    own = torch.where(blends.view(-1, 1, 1), shares.view(-1, 1, 1), (~in_box).float())
    other = images[neighbour]
    mixed = torch.lerp(other.float(), images.float(), own.unsqueeze(3).expand(images.shape))
    one_hot = functional.one_hot(labels, classes).float()
    targets = torch.lerp(one_hot[neighbour], one_hot, shares.view(-1, 1).expand(count, classes))
    return mixed.round().to(torch.uint8), targets


def _inside(centre: Tensor, side: Tensor, pixels: int) -> Tensor:
    """Return which pixels of an axis lie in a box, bool N x pixels; all in shares of the axis."""
    at = (torch.arange(pixels, device=centre.device) + 0.5) / pixels
    return (at - centre.unsqueeze(1)).abs() < side.unsqueeze(1) / 2


def beta(alpha: float, random: RandomNumbers) -> Tensor:
    """Return a number from Beta(alpha, alpha) for each image (Joehnk 1964), of ours: torch's own
    draws from the generator of the process.
    """
    # float64: a power of 1 / alpha would be 0 in float32, for the small alphas of mixup
    one, other = (random.uniform(2 * TRIES).double() ** (1 / alpha)).split(TRIES)
    fits = (one + other <= 1) & (one + other > 0)
    first = fits.float().argmax(0, keepdim=True)
    one, other = one.gather(0, first)[0], other.gather(0, first)[0]
    return torch.where(fits.any(0), one / (one + other), 0.5).float()
