"""Batches: the whole uint8 array on the device where it fits, batches by index, augmentation on
whole batches. No Dataset, no DataLoader: reading is then a hundredth of a training step.
"""

import mmap
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sightline.tasks.rotation import turn
from sightline.training.draws import Draw, generator
from sightline.training.recipe import Augment


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
        rows = index[order].numpy()
        ask_for(self.images, rows)
        batch = torch.empty((len(index), *self.images.shape[1:]), dtype=torch.uint8)
        batch[order] = torch.from_numpy(self.images[rows])
        return batch.to(self.device), self.labels[index.to(self.device)]

    def in_order(self, batch_size: int, part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield a part of the split, its start and stop given, in order."""
        for start in range(part.start, part.stop, batch_size):
            yield self.take(torch.arange(start, min(start + batch_size, part.stop)))


def ask_for(images: np.memmap, rows: np.ndarray) -> None:
    """Have the system read these rows of a memory map from the disk, all at once and nothing else.

    Left to page faults it reads one after the other, and about a megabyte around each, which random
    batches have no use for (benchmarks/data_wait.py).
    """
    start, size = images.offset % mmap.ALLOCATIONGRANULARITY, images[0].nbytes
    for row in rows.tolist():
        first = start + row * size
        page = first - first % mmap.PAGESIZE
        images.base.madvise(mmap.MADV_WILLNEED, page, first + size - page)


def order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits `count` images."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))


def augment(
    images: Tensor, index: Tensor, settings: Augment, draw: Draw, seed: int, epoch: int
) -> Tensor:
    """Return uint8 images N x H x W x C, changed at random; `index` says which images they are."""
    if settings.rotate or settings.scale:
        degrees, sizes = (2 * draw.uniform(2) - 1).to(images.device)
        images = turn(images, degrees * settings.rotate, 1 + sizes * settings.scale)
    if settings.translate:
        images = translate(images, settings.translate, draw)
    if settings.flip == "random":
        images = flip(images, draw.uniform() < 0.5)
    elif settings.flip == "alternating":
        images = flip(images, flipped_in(index, seed, epoch))
    if settings.cutout:
        images = cutout(images, settings.cutout, draw)
    return images


def translate(images: Tensor, pixels: int, draw: Draw) -> Tensor:
    """Return each image moved by up to `pixels` in both directions, its border mirrored."""
    count, height, width, _ = images.shape
    device = images.device
    # the draw alone crosses to the device: a large copy would make a GPU's queue run dry
    shift = draw.integers(-pixels, pixels, 2).unsqueeze(2).to(device)
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


def cutout(images: Tensor, size: int, draw: Draw) -> Tensor:
    """Return each image with one square of `size` pixels set to the image's own mean.

    DeVries, Taylor 2017 (arXiv:1708.04552); the square may reach over the border.
    """
    height, width = images.shape[1:3]
    top = draw.integers(0, height - 1).unsqueeze(1) - size // 2
    left = draw.integers(0, width - 1).unsqueeze(1) - size // 2
    row, column = torch.arange(height), torch.arange(width)
    in_rows = (row >= top) & (row < top + size)
    in_columns = (column >= left) & (column < left + size)
    hole = (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(3).to(images.device)
    mean = images.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, mean, images)
