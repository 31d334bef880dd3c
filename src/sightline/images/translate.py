"""Moving images, the border mirrored."""

import torch
from torch import Tensor

from sightline.images.random_numbers import RandomNumbers


def translate(images: Tensor, pixels: int, random: RandomNumbers) -> Tensor:
    """Return each image moved by up to `pixels` in both directions, its border mirrored.

    `images` uint8 N x H x W x C.
    """
    count, height, width, _ = images.shape
    device = images.device
    # the draws alone cross to the device, and nobody waits for them: a GPU's queue would run dry
    shift = random.integers(-pixels, pixels, 2).unsqueeze(2).to(device, non_blocking=True)
    rows = mirrored(torch.arange(height, device=device) + shift[0], height)
    columns = mirrored(torch.arange(width, device=device) + shift[1], width)
    which = torch.arange(count, device=device).view(-1, 1, 1)
    return images[which, rows.unsqueeze(2), columns.unsqueeze(1)]


def mirrored(position: Tensor, size: int) -> Tensor:
    """Return positions outside 0..size-1 as those inside that a mirror at the border shows."""
    position = position.abs()
    return (size - 1 - (size - 1 - position).abs()).clamp(0, size - 1)
