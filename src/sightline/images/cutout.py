"""Cutout and random erasing: covering a part of each image, or of some."""

import torch
from torch import Tensor

from sightline.images.crop import random_boxes
from sightline.images.random_numbers import RandomNumbers
from sightline.settings.recipe import Erase


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
    return covered(images, in_rows, in_columns)


def erase(images: Tensor, settings: Erase, random: RandomNumbers) -> Tensor:
    """Return images of which some have a random box set to the image's own mean.

    `images` uint8 N x H x W x C. Zhong et al. 2017 (arXiv:1708.04896).
    """
    height, width = images.shape[1:3]
    device = images.device
    chosen = random.uniform() < settings.chance
    extents = torch.tensor([height, width]).expand(len(chosen), 2)
    boxes = random_boxes(extents, settings, random).round()
    boxes = torch.where(chosen.unsqueeze(1), boxes, 0).unsqueeze(2).to(device, non_blocking=True)
    top, left, high, wide = boxes.unbind(1)
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    in_rows = (row >= top) & (row < top + high)
    return covered(images, in_rows, (column >= left) & (column < left + wide))


def covered(images: Tensor, in_rows: Tensor, in_columns: Tensor) -> Tensor:
    """Return images with their own mean in those rows, N x H, and columns, N x W."""
    hole = (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(3)
    mean = images.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, mean, images)
