"""The files of a dataset, of any format, as classes, labels and a stream of images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.data import idx
from sightline.data.images import Item
from sightline.errors import SightlineError


@dataclass(frozen=True)
class Decoded:
    """A dataset as its publisher cut it.

    `labels`: int64 per split (train, test, and val where the publisher has a val beside a test).
    `items()` yields every image once, in the files' order, at its row in its split.
    `encoded`: the images are encoded files that cost time to decode, not arrays.
    """

    classes: list[str]
    labels: dict[str, np.ndarray]
    items: Callable[[], Iterator[Item]]
    encoded: bool


def decode(said: dict[str, Any], paths: dict[str, Path]) -> Decoded:
    """Return a dataset from its source.json and the paths of its files by role.

    Raises SightlineError, naming the file, where one does not hold what its format demands.
    """
    if said["format"] == "idx":
        return _idx(said["classes"], paths)
    raise SightlineError(said["format"])


def _idx(classes: list[str], paths: dict[str, Path]) -> Decoded:
    images, labels = {}, {}
    for split in ("train", "test"):
        images[split] = idx.read(paths[f"{split}-images"], 3)[..., None]
        labels[split] = idx.read(paths[f"{split}-labels"], 1).astype(np.int64)
        _check_labels(paths[f"{split}-labels"], labels[split], len(images[split]), len(classes))
    return from_arrays(classes, images, labels)


def from_arrays(
    classes: list[str], images: dict[str, np.ndarray], labels: dict[str, np.ndarray]
) -> Decoded:
    """Return a dataset whose images (uint8 N x H x W x C per split) are in memory."""

    def items() -> Iterator[Item]:
        for split, array in images.items():
            for row, image in enumerate(array):
                yield Item(split, row, f"{split} image {row}", image)

    return Decoded(classes, labels, items, encoded=False)


def _check_labels(path: Path, labels: np.ndarray, images: int, classes: int) -> None:
    if len(labels) != images:
        raise SightlineError(f"{path} holds {len(labels)} labels for {images} images")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise SightlineError(
            f"{path}: label {labels[wrong[0]]} at place {wrong[0]}, "
            f"but there are {classes} classes, 0 to {classes - 1}"
        )
