"""The preprocessed form, the same for all datasets: uint8 images and int64 labels as .npy files.

Images that are no squares lie in the upper left corner of rows that have place for the longest one,
those higher than wide on their side: nearly all of a row is image, and every image one read.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import SightlineError
from sightline.files import read_json
from sightline.layout import Processed


def load_meta(files: Processed) -> dict[str, Any]:
    """Return meta.json of a preprocessed dataset; SightlineError where it is missing or damaged."""
    return read_json(files.meta, _remedy(files), "dataset", "classes", "counts", "mean", "std")


def load_split(files: Processed, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return one of train, val and test: images uint8 N x H x W x C and labels int64 N.

    The images are memory-mapped, read-only: a batch costs what it touches, whatever N is.
    """
    try:
        images = np.load(files.images(split), mmap_mode="r")
        labels = np.load(files.labels(split))
    except FileNotFoundError as error:
        raise SightlineError(f"{error.filename}: no such file: {_remedy(files)}") from None
    except (ValueError, EOFError) as error:
        raise SightlineError(
            f"{files.path}: {split} is damaged: {error}: {_remedy(files)}"
        ) from None
    return images, labels


def load_extents(files: Processed, split: str) -> np.ndarray | None:
    """Return height and width of each image of a split, int64 N x 2, as it stands upright.

    None where all of them are squares that fill their rows.
    """
    path = files.extents(split)
    return np.load(path) if path.exists() else None


def put(row: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """Write an image, uint8 H x W x C, into its row of an array; return its extent."""
    height, width = image.shape[:2]
    lying = image.swapaxes(0, 1) if height > width else image
    row[: lying.shape[0], : lying.shape[1]] = lying
    return height, width


def upright(row: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """Return the image, uint8 H x W x C, that `put` wrote."""
    height, width = extent
    image = row[: min(height, width), : max(height, width)]
    return image.swapaxes(0, 1) if height > width else image


def _remedy(files: Processed) -> str:
    return f"run `dvc repro preprocess@{files.name}`"


def create(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Return a new uint8 array in a .npy file, mapped for writing, its place on the disk reserved.

    Without the reservation a disk that fills up ends the process with SIGBUS instead of an OSError.
    """
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images
