"""Batches: the whole uint8 array on the device where it fits, batches by index. No Dataset, no
DataLoader: reading is then a hundredth of a training step.
"""

import mmap
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from sightline.images.random_numbers import generator


class Images:
    """One split: uint8 images N x H x W x C and int64 labels N, read in batches by index.

    `extents`, int64 N x 2 on the CPU: heights and widths of the images in their rows; None where
    all are squares that fill them.
    Arrays of up to `resident_bytes` move to the device as a whole; larger ones stay in their memory
    map, and each batch is copied, one ahead of the step that is at work.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        device: torch.device,
        resident_bytes: int,
        extents: np.ndarray | None = None,
    ):
        self.device, self.array = device, images
        self.extents = None if extents is None else torch.from_numpy(extents)
        self.resident: Tensor | None = None
        if images.nbytes <= resident_bytes:
            self.resident = torch.from_numpy(np.array(images)).to(device)
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
        if self.resident is not None:
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
        if self.resident is not None:
            return self.resident.index_select(0, index.to(self.device, non_blocking=True))
        # sorted: a memory map is read in the order of its pages, then put back in order
        order = index.argsort()
        rows = index[order].numpy()
        if isinstance(self.array, np.memmap):
            ask_for(self.array, rows)
        shape, pinned = (len(rows), *self.array.shape[1:]), self.device.type == "cuda"
        batch = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        in_order = torch.from_numpy(self.array[rows])
        return torch.index_select(in_order, 0, order.argsort(), out=batch)

    def placed(self, index: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return read images, and their labels, on the device."""
        on_device = index.to(self.device, non_blocking=True)
        return images.to(self.device, non_blocking=True), self.labels.index_select(0, on_device)


def ask_for(images: np.memmap, rows: np.ndarray) -> None:
    """Have the system read these rows of a memory map from the disk, all at once and nothing else.

    Left to page faults it reads one after the other, and about a megabyte around each, which random
    batches have no use for (scripts/data_wait.py).
    """
    memory = images.base
    assert isinstance(memory, mmap.mmap)
    start, size = images.offset % mmap.ALLOCATIONGRANULARITY, images[0].nbytes
    for row in rows.tolist():
        first = start + row * size
        page = first - first % mmap.PAGESIZE
        memory.madvise(mmap.MADV_WILLNEED, page, first + size - page)


def order(count: int, seed: int, epoch: int) -> Tensor:
    """Return the order in which an epoch visits `count` images."""
    return torch.randperm(count, generator=generator(seed, "order", epoch))
