"""What every decoder returns: the classes, the labels and a stream of images of a dataset."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

LeftOut = dict[str, dict[str, int]]  # reason -> class, or folder outside of them -> files


class Item(NamedTuple):
    """One image: its place among the publisher's splits, its name, an encoded file or pixels."""

    split: str
    row: int
    name: str
    image: bytes | np.ndarray


@dataclass(frozen=True)
class Decoded:
    """A dataset as its publisher cut it.

    `labels`: int64 per split: train, test (unless it must be carved from train), and val where the
    publisher has one beside a test. `items()` yields every image once, in the files' order.
    `encoded`: the images are encoded files that cost time to decode, not arrays. `left_out`: what
    else the files hold.
    """

    classes: list[str]
    labels: dict[str, np.ndarray]
    items: Callable[[], Iterator[Item]]
    encoded: bool
    left_out: LeftOut = field(default_factory=dict)


def from_arrays(
    classes: list[str], images: dict[str, np.ndarray], labels: dict[str, np.ndarray]
) -> Decoded:
    """Return a dataset whose images (uint8 N x H x W x C per split) are in memory."""

    def items() -> Iterator[Item]:
        for split, array in images.items():
            for row, image in enumerate(array):
                yield Item(split, row, f"{split} image {row}", image)

    return Decoded(classes, labels, items, encoded=False)
