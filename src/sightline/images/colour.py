"""Colour jitter: brightness, contrast and saturation of each image, changed at random."""

import torch
from torch import Tensor

from sightline.images.random_numbers import RandomNumbers
from sightline.settings.recipe import Colour

GREY = (0.2989, 0.587, 0.114)  # ITU-R 601, as torchvision weighs red, green and blue


def colour(images: Tensor, settings: Colour, random: RandomNumbers) -> Tensor:
    """Return uint8 images N x H x W x C, each blended with black, with its mean grey and with its
    own greys, by factors of its own, one after the other.

    A factor is drawn from 1 - x to 1 + x. The blends are those of torchvision's ColorJitter, which
    draws one set of factors for a batch, and an order.
    """
    draws = (2 * random.uniform(3) - 1).to(images.device, non_blocking=True)
    brightness, contrast, saturation = (
        (1 + draw * most).view(-1, 1, 1, 1)
        for draw, most in zip(
            draws, (settings.brightness, settings.contrast, settings.saturation), strict=True
        )
    )
    x = (images.float() * brightness).clamp(0, 255)
    x = blend(x, grey(x).mean(dim=(1, 2, 3), keepdim=True), contrast)
    return blend(x, grey(x), saturation).round().to(torch.uint8)


def blend(x: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Return share * x + (1 - share) * other, within 0 to 255."""
    return torch.lerp(other.expand_as(x), x, share.expand_as(x)).clamp(0, 255)


def grey(x: Tensor) -> Tensor:
    """Return the greys of float images N x H x W x C, N x H x W x 1."""
    return x if x.shape[3] == 1 else x @ x.new_tensor(GREY).view(3, 1)
