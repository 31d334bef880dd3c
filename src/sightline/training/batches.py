"""Batches: the whole uint8 array on the device where it fits, batches by index, augmentation on
whole batches. No Dataset, no DataLoader: reading is then a hundredth of a training step.
"""

import mmap
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from sightline.tasks.rotation import turn
from sightline.training.draws import Draw, generator
from sightline.training.recipe import Augment


class Images:
    """One split: uint8 images N x H x W x C and int64 labels N, read in batches by index.

    Arrays of up to `resident_bytes` move to the device as a whole; larger ones stay in their memory
    map, and each batch is copied, one ahead of the step that is at work.
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
        return self.placed(index, self.read(index))

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield each index, its images and its labels; of a memory map, a thread reads the next
        batch while this one is at work.
        """
        if self.resident:
            for index in indices:
                yield index, *self.take(index)
            return
        with ThreadPoolExecutor(1) as reader:
            coming = deque()
            for index in indices:
                coming.append((index, reader.submit(self.read, index)))
                if len(coming) > 1:
                    index, read = coming.popleft()
                    yield index, *self.placed(index, read.result())
            for index, read in coming:
                yield index, *self.placed(index, read.result())

    def read(self, index: Tensor) -> Tensor:
        """Return images: on the device if all are there, else on the CPU, pinned if they go on."""
        if self.resident:
            return self.images.index_select(0, index.to(self.device, non_blocking=True))
        # sorted: a memory map is read in the order of its pages, then put back in order
        order = index.argsort()
        rows = index[order].numpy()
        if isinstance(self.images, np.memmap):
            ask_for(self.images, rows)
        shape, pinned = (len(rows), *self.images.shape[1:]), self.device.type == "cuda"
        batch = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        found = torch.from_numpy(self.images[rows])
        return torch.index_select(found, 0, order.argsort(), out=batch)

    def placed(self, index: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return read images, and their labels, on the device."""
        there = index.to(self.device, non_blocking=True)
        return images.to(self.device, non_blocking=True), self.labels.index_select(0, there)


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
        degrees, sizes = (2 * draw.uniform(2) - 1).to(images.device, non_blocking=True)
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
    # the draw alone crosses to the device, and nobody waits for it: a GPU's queue would run dry
    shift = draw.integers(-pixels, pixels, 2).unsqueeze(2).to(device, non_blocking=True)
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
    chosen = chosen.to(images.device, non_blocking=True).view(-1, 1, 1, 1)
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
    device = images.device
    top = draw.integers(0, height - 1).unsqueeze(1).to(device, non_blocking=True) - size // 2
    left = draw.integers(0, width - 1).unsqueeze(1).to(device, non_blocking=True) - size // 2
    row, column = torch.arange(height, device=device), torch.arange(width, device=device)
    in_rows = (row >= top) & (row < top + size)
    in_columns = (column >= left) & (column < left + size)
    hole = (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).unsqueeze(3)
    mean = images.float().mean(dim=(1, 2), keepdim=True).to(torch.uint8)
    return torch.where(hole, mean, images)
