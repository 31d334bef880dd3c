"""Mirroring images left to right."""

import torch
from torch import Tensor


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Return uint8 images N x H x W x C with the chosen ones (bool, N) mirrored left to right."""
    chosen = chosen.to(images.device, non_blocking=True).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(2), images)


def alternately_flipped(index: Tensor, seed: int, epoch: int) -> Tensor:
    """Return which images an epoch flips, bool N: each image every other epoch, half at a time.

    Alternating flip, Jordan 2024 (arXiv:2404.00498), section 3.6.
    """
    # a fixed pseudo-random bit per image (multiplicative hash), turned over every epoch
    start = ((index + 1 + seed) * 0x9E3779B1 >> 15) & 1
    return (start + epoch) % 2 == 1
