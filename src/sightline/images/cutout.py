"""Cutout: covering a square of each image."""

import torch
from torch import Tensor

from sightline.images.random_numbers import RandomNumbers


def cutout(images: Tensor, size: int, random: RandomNumbers) -> Tensor:
    """Return each image with one square of `size` pixels set to the image's own mean.

    `images` uint8 N x H x W x C. DeVries, Taylor 2017 (arXiv:1708.04552); the square may reach over
    the border.
    """
    height, width = images.shape[1:3]
    device = images.device
    top = random.integers(0, height - 1).unsqueeze(1).to(device, non_blocking=True) - size // 2
    left = random.integers(0, width - 1).unsqueeze(1).to(device, non_blocking=True) - size // 2
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    in_rows = (row >= top) & (row < top + size)
    in_columns = (column >= left) & (column < left + size)
    hole = (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(3)
    mean = images.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, mean, images)
