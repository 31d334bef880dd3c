"""Batches: the whole uint8 array on the device where it fits, batches by index, augmentation on
whole batches. No Dataset, no DataLoader: reading is then a hundredth of a training step.

Every random draw comes from a generator seeded by (seed, purpose, position), so that a resumed run
draws what an uninterrupted one would, without saving any generator's state.
"""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sightline.tasks.rotation import turn
from sightline.training.recipe import Augment


def generator(seed: int, purpose: str, position: int = 0) -> torch.Generator:
    """Return a generator that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed} {purpose} {position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def seed_weights(seed: int) -> None:
    """Have torch draw the initial weights of the next network that is built from this seed."""
    torch.manual_seed(generator(seed, "weights").initial_seed())


class Images:
    """One split: uint8 images N x H x W x C and int64 labels N, read in batches by index.

    Arrays of up to `resident_bytes` move to the device as a whole; larger ones stay in their memory
    map, and each batch is copied.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        device: torch.device,
        resident_bytes: int = 4 << 30,
    ):
        self.device = device
        self.resident = images.nbytes <= resident_bytes
        self.images = torch.from_numpy(np.array(images)).to(device) if self.resident else images
        self.labels = torch.from_numpy(np.array(labels)).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and labels at `index`, an int64 tensor on the CPU."""
        if self.resident:
            index = index.to(self.device)
            return self.images[index], self.labels[index]
        # sorted: a memory map is read in the order of its pages, then put back in order
        order = index.argsort()
        batch = torch.empty((len(index), *self.images.shape[1:]), dtype=torch.uint8)
        batch[order] = torch.from_numpy(self.images[index[order].numpy()])
        return batch.to(self.device), self.labels[index.to(self.device)]

    def in_order(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the whole split in order."""
        for start in range(0, len(self), batch_size):
            yield self.take(torch.arange(start, min(start + batch_size, len(self))))


def order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits `count` images."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


def rows_shown(count: int, height: int, least: int, seed: int, step: int) -> Tensor:
    """Return how many of its upper rows each of `count` images shows: from `least` to all."""
    draw = generator(seed, "rows", step)
    return torch.randint(least, height + 1, (count,), generator=draw)


def augment(
    images: Tensor, index: Tensor, settings: Augment, seed: int, epoch: int, step: int
) -> Tensor:
    """Return uint8 images N x H x W x C, changed at random; `index` says which images they are."""
    draw = generator(seed, "augment", step)
    if settings.rotate or settings.scale:
        degrees, sizes = (2 * torch.rand((2, len(images)), generator=draw) - 1).to(images.device)
        images = turn(images, degrees * settings.rotate, 1 + sizes * settings.scale)
    if settings.translate:
        images = translate(images, settings.translate, draw)
    if settings.flip == "random":
        images = flip(images, torch.rand(len(images), generator=draw) < 0.5)
    elif settings.flip == "alternating":
        images = flip(images, flipped_in(index, seed, epoch))
    if settings.cutout:
        images = cutout(images, settings.cutout, draw)
    return images


def translate(images: Tensor, pixels: int, draw: torch.Generator) -> Tensor:
    """Return each image moved by up to `pixels` in both directions, its border mirrored."""
    count, height, width, _ = images.shape
    device = images.device
    # the draw alone crosses to the device: a large copy would make a GPU's queue run dry
    shift = torch.randint(-pixels, pixels + 1, (2, count, 1), generator=draw).to(device)
    rows = mirrored(torch.arange(height, device=device) + shift[0], height)
    columns = mirrored(torch.arange(width, device=device) + shift[1], width)
    which = torch.arange(count, device=device).view(-1, 1, 1)
    return images[which, rows.unsqueeze(2), columns.unsqueeze(1)]


def mirrored(position: Tensor, size: int) -> Tensor:
    """Return positions outside 0..size-1 as those inside that a mirror at the border shows."""
    position = position.abs()
    return (size - 1 - (size - 1 - position).abs()).clamp(0, size - 1)


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Return the images with the chosen ones (bool, N) mirrored left to right."""
    chosen = chosen.to(images.device).view(-1, 1, 1, 1)
    return torch.where(chosen, images.flip(2), images)


def flipped_in(index: Tensor, seed: int, epoch: int) -> Tensor:
    """Return which images an epoch flips: each image every other epoch, half of them at a time.

    Alternating flip, Jordan 2024 (arXiv:2404.00498), section 3.6.
    """
    # a fixed pseudo-random bit per image (multiplicative hash), turned over every epoch
    start = ((index + 1 + seed) * 0x9E3779B1 >> 15) & 1
    return (start + epoch) % 2 == 1


def cutout(images: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """Return each image with one square of `size` pixels set to the image's own mean.

    DeVries, Taylor 2017 (arXiv:1708.04552); the square may reach over the border.
    """
    count, height, width, _ = images.shape
    top = torch.randint(0, height, (count, 1), generator=draw) - size // 2
    left = torch.randint(0, width, (count, 1), generator=draw) - size // 2
    row, column = torch.arange(height), torch.arange(width)
    in_rows = (row >= top) & (row < top + size)
    in_columns = (column >= left) & (column < left + size)
    hole = (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(3).to(images.device)
    mean = images.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, mean, images)
