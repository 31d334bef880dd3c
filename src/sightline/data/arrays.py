"""The preprocessed form, the same for all datasets: uint8 images and int64 labels as .npy files."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import SightlineError

SPLITS = ("train", "val", "test")


def load_meta(folder: str | Path) -> dict[str, Any]:
    """Return meta.json of a preprocessed dataset; SightlineError where there is none."""
    path = Path(folder) / "meta.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        name = Path(folder).name
        raise SightlineError(f"{path} is missing: run `dvc repro preprocess@{name}`") from None


def load_split(folder: str | Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return one of train, val and test: images uint8 N x H x W x C and labels int64 N.

    The images are memory-mapped, read-only: a batch costs what it touches, whatever N is.
    """
    folder = Path(folder)
    try:
        images = np.load(folder / f"{split}.images.npy", mmap_mode="r")
        labels = np.load(folder / f"{split}.labels.npy")
    except FileNotFoundError as error:
        raise SightlineError(
            f"{error.filename} is missing: run `dvc repro preprocess@{folder.name}`"
        ) from None
    return images, labels


def create(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """Return a new uint8 array in a .npy file, mapped for writing, its place on the disk reserved.

    Without the reservation a disk that fills up ends the process with SIGBUS instead of an OSError.
    """
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):  # macOS has none
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return images
