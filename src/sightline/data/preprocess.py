"""Turn the files of a dataset into uint8 arrays: train, val and test, and meta.json."""

from __future__ import annotations

import hashlib
import logging
import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from sightline.data import arrays, images, source, split
from sightline.data.arrays import SPLITS
from sightline.data.dataset import Decoded
from sightline.data.decode import decode
from sightline.errors import SightlineError
from sightline.files import disk_errors, write_json

if TYPE_CHECKING:
    from sightline.params import Dataset

log = logging.getLogger(__name__)

_PIECE = 8 << 20  # bytes taken at a time where a whole array is gone through


def preprocess(raw: Path, processed: Path, settings: Dataset) -> None:
    """Write the arrays and meta.json of a dataset into `processed`, whole or not at all.

    The same files and settings give the same bytes, however many processes decode.
    Raises SightlineError: files that are not what they say, a broken image (with
    `broken_images: stop`), too few images for a split, no place on the disk.
    """
    said, paths = source.read(raw)
    decoded = decode(said, paths)
    if len(decoded.classes) == 1:
        log.warning("%s has one class: a classifier learns nothing from it", said["dataset"])
    rows = split.carve(said["dataset"], decoded.labels, settings)
    temporary = processed.with_name(f".{processed.name}.part")
    with disk_errors(processed.parent):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            skipped = _write_arrays(temporary, decoded, rows, settings)
            write_json(temporary / "meta.json", _meta(temporary, said, decoded, settings, skipped))
            shutil.rmtree(processed, ignore_errors=True)
            temporary.rename(processed)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _write_arrays(folder: Path, decoded: Decoded, rows: split.Rows, settings: Dataset) -> list[str]:
    """Fill SPLIT.images.npy and SPLIT.labels.npy; return the names of the images left out."""
    size, channels = settings.image_size, settings.channels
    labels = {name: np.empty(0, np.int64) for name in SPLITS}
    goes_to = {}  # split of the publisher -> per row: split here, row here
    for theirs, ours in rows.items():
        place = np.empty((len(decoded.labels[theirs]), 2), np.int64)
        for name, taken in ours.items():
            place[taken, 0] = SPLITS.index(name)
            place[taken, 1] = np.arange(len(taken))
            labels[name] = decoded.labels[theirs][taken]
        goes_to[theirs] = place
    files = {name: folder / f"{name}.images.npy" for name in SPLITS}
    out = {
        name: arrays.create(files[name], (len(labels[name]), size, size, channels))
        for name in SPLITS
    }
    broken = _fill(out, decoded, goes_to, settings)
    for name in SPLITS:
        keep = np.setdiff1d(
            np.arange(len(labels[name])), [row for at, row, _ in broken if at == name]
        )
        if len(keep) < len(labels[name]):
            labels[name] = labels[name][keep]
            out[name] = _without(files[name], out[name], keep)
        out[name].flush()
        np.save(folder / f"{name}.labels.npy", labels[name])
    return [name for _, _, name in broken]


def _fill(out, decoded: Decoded, goes_to, settings: Dataset) -> list[tuple[str, int, str]]:
    """Write every image to its place; return split, row and name of each that is broken."""
    total = sum(map(len, decoded.labels.values()))
    processes = images.worthwhile_processes(total) if decoded.encoded else 1
    broken = []
    stream = images.read_many(decoded.items(), settings.image_size, settings.channels, processes)
    for item, image in tqdm(stream, total=total, unit="image", desc="preprocess", disable=None):
        split_index, row = goes_to[item.split][item.row]
        name = SPLITS[split_index]
        if not isinstance(image, images.Broken):
            out[name][row] = image
        elif settings.broken_images == "skip":
            log.warning("%s is left out: %s", image.name, image.why)
            broken.append((name, row, image.name))
        else:
            raise SightlineError(
                f"{image.name} is broken ({image.why}): mend it, or set broken_images: skip "
                "in params.yaml"
            )
    return broken


def _without(path: Path, old: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Write an array anew with these rows alone."""
    temporary = path.with_suffix(".keep")
    new = arrays.create(temporary, (len(keep), *old.shape[1:]))
    step = _rows(old)
    for start in range(0, len(keep), step):
        new[start : start + step] = old[keep[start : start + step]]
    temporary.replace(path)
    return new


def _meta(
    folder: Path, said: dict[str, Any], decoded: Decoded, settings: Dataset, skipped: list[str]
) -> dict[str, Any]:
    counts = {}
    for name in SPLITS:
        counts[name] = len(np.load(folder / f"{name}.labels.npy", mmap_mode="r"))
        if not counts[name] and (name != "val" or settings.val_size):
            raise SightlineError(f"{said['dataset']}: no whole image is left in {name}")
    mean, std = statistics(np.load(folder / "train.images.npy", mmap_mode="r"))
    if not all(std):
        raise SightlineError(
            f"{said['dataset']}: all train images show the same single value, there is nothing "
            "to learn from"
        )
    return {
        **{key: said[key] for key in ("dataset", "catalogue", "real", "note", "terms", "polarity")},
        "classes": decoded.classes,
        "height": settings.image_size,
        "width": settings.image_size,
        "channels": settings.channels,
        "counts": counts,
        "mean": mean,
        "std": std,
        "resize": {"size": settings.image_size, "rule": images.RULE},
        "val_size": settings.val_size,
        "test_size": settings.test_size,
        "seed": settings.seed,
        "skipped": skipped,
        "sha256": {path.name: _sha256(path) for path in sorted(folder.glob("*.npy"))},
    }


def statistics(array: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel of uint8 N x H x W x C, in 0 to 1.

    Summed as integers, so that no order of summing and no number of threads changes a digit.
    """
    values = np.arange(256)
    mean, std = [], []
    counts = np.zeros((array.shape[-1], 256), np.int64)
    step = _rows(array)
    for start in range(0, len(array), step):
        for channel, count in enumerate(counts):
            count += np.bincount(array[start : start + step, ..., channel].ravel(), minlength=256)
    for count in counts:
        number, total = int(count.sum()), int(count @ values)
        squares = int(count @ values**2)
        mean.append(total / number / 255)
        std.append(math.sqrt((number * squares - total**2) / number**2) / 255)
    return mean, std


def _rows(array: np.ndarray) -> int:
    return max(1, _PIECE // math.prod(array.shape[1:]))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
