"""Turning and scaling images about their centre."""

import torch
from torch import Tensor
from torch.nn import functional


def turn(images: Tensor, degrees: Tensor, size: Tensor | float = 1.0) -> Tensor:
    """Return uint8 images N x H x W x C, each turned counter-clockwise about its centre and made
    `size` (N) times as large.

    Bilinear; what comes in from outside is the border's pixel, so that a black corner does not
    give the angle away.
    """
    x = images.permute(0, 3, 1, 2).float()
    height, width = x.shape[2:]
    angle = torch.deg2rad(degrees)
    cos, sin, zero = angle.cos() / size, angle.sin() / size, torch.zeros_like(angle)
    # where a pixel of the result comes from, in grid_sample's coordinates: -1 to 1 along each side
    across = torch.stack([cos, -sin * height / width, zero], dim=1)
    down = torch.stack([sin * width / height, cos, zero], dim=1)
    affine, shape = torch.stack([across, down], dim=1), list(x.shape)
    grid = functional.affine_grid(affine, shape, align_corners=False)
    turned = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    return turned.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
