"""Turn the files of a dataset into uint8 arrays: train, val and test, and meta.json."""

import hashlib
import logging
import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from sightline.data import arrays, source, split
from sightline.data.decode_many import Broken, read_many, worthwhile_processes
from sightline.data.form import Form, form_of
from sightline.data.formats.dataset import Decoded, Item, LeftOut
from sightline.data.formats.decode import decode
from sightline.data.formats.survey import EMPTY
from sightline.data.image_files import RULE
from sightline.data.room import refuse_too_large
from sightline.errors import SightlineError
from sightline.files import disk_errors, write_json
from sightline.layout import SPLITS, Processed, Raw
from sightline.settings.params import Dataset

log = logging.getLogger(__name__)

# what meta.json takes over from source.json
_KEPT = ("dataset", "catalogue", "real", "note", "terms", "polarity")
_CLASSES_NAMED = 5  # in a line about files that were left out
_PIECE = 8 << 20  # bytes taken at a time where a whole array is gone through


class BrokenImageError(SightlineError):
    """An image that cannot be read; `image` is its name and why."""

    def __init__(self, image: str, instead: str = "set broken_images: skip in params.yaml") -> None:
        super().__init__(f"{image}: mend it, or {instead}")
        self.image = image


class _BrokenImage(NamedTuple):
    split: str
    row: int
    name: str
    class_: str


def preprocess(raw: Raw, processed: Processed, settings: Dataset) -> None:
    """Write the arrays and meta.json of a dataset, whole or not at all.

    The same files and settings give the same bytes, however many processes decode.
    Ends with a line for each reason for which files were left out. Raises SightlineError: files
    that are not what they say, a broken image (with `broken_images: stop`), too few images for a
    split, a class whose images are all broken, no room on the disk.
    """
    about, paths = source.read(raw)
    decoded = decode(about, paths)
    if len(decoded.classes) == 1:
        log.warning("%s has one class: a classifier learns nothing from it", about["dataset"])
    rows = split.carve(about["dataset"], decoded.labels, settings)
    counts = {name: sum(len(ours.get(name, ())) for ours in rows.values()) for name in SPLITS}
    unfinished = Processed(processed.path.with_name(f".{processed.name}.part"))
    with disk_errors(processed.path.parent):
        shutil.rmtree(unfinished.path, ignore_errors=True)
        unfinished.path.mkdir(parents=True)
        try:
            refuse_too_large(about["dataset"], settings, counts, processed.path.parent)
            broken = _write_arrays(unfinished, decoded, rows, settings)
            left_out = _with_broken(decoded, broken)
            meta = _meta(unfinished, about, decoded, settings, [image.name for image in broken])
            # only where there is something to count: the bytes of all other datasets stay
            write_json(unfinished.meta, {**meta, **({"left_out": left_out} if left_out else {})})
            shutil.rmtree(processed.path, ignore_errors=True)
            unfinished.path.rename(processed.path)
        finally:
            shutil.rmtree(unfinished.path, ignore_errors=True)
    counted = ", ".join(f"{count:,} {split_}" for split_, count in meta["counts"].items())
    log.info("%s: %s images, in %s", about["dataset"], counted, processed.path)
    for reason, counts in left_out.items():
        log.warning("%s: %s: %s", about["dataset"], _listed(counts, reason), reason)


def _write_arrays(
    target: Processed, decoded: Decoded, rows: split.Rows, settings: Dataset
) -> list[_BrokenImage]:
    """Fill SPLIT.images.npy, SPLIT.labels.npy and, where train's images are no squares,
    train.extents.npy; return the broken images, which are left out.
    """
    forms = {name: form_of(settings, name) for name in SPLITS}
    labels = {name: np.empty(0, np.int64) for name in SPLITS}
    goes_to: dict[str, np.ndarray] = {}  # split of the publisher -> per row: split here, row here
    for theirs, ours in rows.items():
        place = np.empty((len(decoded.labels[theirs]), 2), np.int64)
        for name, taken in ours.items():
            place[taken, 0] = SPLITS.index(name)
            place[taken, 1] = np.arange(len(taken))
            labels[name] = decoded.labels[theirs][taken]
        goes_to[theirs] = place
    out = {
        name: arrays.create(target.images(name), _shape(forms[name], len(labels[name])))
        for name in SPLITS
    }
    extents = np.zeros((len(labels["train"]), 2), np.int64)
    broken = _fill(out, extents, forms, decoded, goes_to, settings.broken_images)
    for name in SPLITS:
        keep = np.setdiff1d(
            np.arange(len(labels[name])), [image.row for image in broken if image.split == name]
        )
        if len(keep) < len(labels[name]):
            _refuse_lost(name, decoded.classes, labels[name], keep)
            labels[name] = labels[name][keep]
            out[name] = _without(target.images(name), out[name], keep)
            extents = extents[keep] if name == "train" else extents
        out[name].flush()
        np.save(target.labels(name), labels[name])
    if forms["train"].longest > forms["train"].size:
        np.save(target.extents("train"), extents)
    return broken


def _shape(form: Form, count: int) -> tuple[int, int, int, int]:
    return count, form.size, form.longest, form.channels


def _refuse_lost(split_: str, classes: list[str], labels: np.ndarray, keep: np.ndarray) -> None:
    """Raise SightlineError for a class that has broken images alone in train or test."""
    lost = np.setdiff1d(labels, labels[keep])
    if len(lost) and len(keep) and split_ != "val":
        raise SightlineError(
            f"all images of {classes[lost[0]]} in {split_} are broken: put whole ones in their "
            "place, or take the class away"
        )


def _fill(
    out: Mapping[str, np.ndarray],
    extents: np.ndarray,
    forms: Mapping[str, Form],
    decoded: Decoded,
    goes_to: Mapping[str, np.ndarray],
    broken_images: str,
) -> list[_BrokenImage]:
    """Write every image to its place, and of train its extent; return those that are broken."""
    total = sum(map(len, decoded.labels.values()))
    processes = worthwhile_processes(total) if decoded.encoded else 1
    broken = []

    def form(item: Item) -> Form:
        return forms[SPLITS[goes_to[item.split][item.row][0]]]

    images = read_many(decoded.items(), form, processes)
    for item, image in tqdm(images, total=total, unit="image", desc="preprocess", disable=None):
        split_index, row = goes_to[item.split][item.row]
        name = SPLITS[split_index]
        if not isinstance(image, Broken):
            extent = arrays.put(out[name][row], image)
            if name == "train":
                extents[row] = extent
        elif broken_images == "skip":
            log.debug("%s is broken: %s", image.name, image.why)
            class_ = decoded.classes[decoded.labels[item.split][item.row]]
            broken.append(_BrokenImage(name, row, image.name, class_))
        else:
            raise BrokenImageError(f"{image.name} is broken ({image.why})")
    return broken


def _with_broken(decoded: Decoded, broken: list[_BrokenImage]) -> LeftOut:
    counts = Counter(image.class_ for image in broken)
    return {**decoded.left_out, **({"broken": dict(sorted(counts.items()))} if counts else {})}


def _listed(counts: dict[str, int], reason: str) -> str:
    """Return `3 files of bird, 1 file of cat`, the rest of many classes in a sum."""
    noun = "folder" if reason == EMPTY else "file"
    most = sorted(counts, key=lambda name: -counts[name])
    parts = [f"{_plural(counts[name], noun)} of {name}" for name in most[:_CLASSES_NAMED]]
    if rest := most[_CLASSES_NAMED:]:
        number = sum(counts[name] for name in rest)
        parts.append(f"{_plural(number, noun)} of {_plural(len(rest), 'other')}")
    return ", ".join(parts)


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def _without(path: Path, old: np.ndarray, keep: np.ndarray) -> np.memmap:
    """Write an array anew with these rows alone."""
    temporary = path.with_suffix(".keep")
    new = arrays.create(temporary, (len(keep), *old.shape[1:]))
    step = _rows(old)
    for start in range(0, len(keep), step):
        new[start : start + step] = old[keep[start : start + step]]
    temporary.replace(path)
    return new


def _meta(
    target: Processed,
    about: dict[str, Any],
    decoded: Decoded,
    settings: Dataset,
    skipped: list[str],
) -> dict[str, Any]:
    counts = {}
    for name in SPLITS:
        counts[name] = len(np.load(target.labels(name), mmap_mode="r"))
        if not counts[name] and (name != "val" or settings.val_size):
            raise SightlineError(f"{about['dataset']}: no whole image is left in {name}")
    train = np.load(target.images("train"), mmap_mode="r")
    mean, std = statistics(train, arrays.load_extents(target, "train"))
    asked = form_of(settings, "test")
    resize = {"size": asked.size, "rule": RULE} | ({"crop": asked.crop} if asked.crop < 1 else {})
    if not all(std):
        raise SightlineError(
            f"{about['dataset']}: all train images show the same single value, there is nothing "
            "to learn from"
        )
    return {
        **{key: about[key] for key in _KEPT},
        "classes": decoded.classes,
        "height": asked.size,
        "width": asked.size,
        "channels": settings.channels,
        "counts": counts,
        "mean": mean,
        "std": std,
        "resize": resize,
        "val_size": settings.val_size,
        "test_size": settings.test_size,
        "seed": settings.seed,
        "skipped": skipped,
        "sha256": {path.name: _sha256(path) for path in sorted(target.path.glob("*.npy"))},
    }


def statistics(
    array: np.ndarray, extents: np.ndarray | None = None
) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel of uint8 N x H x W x C, in 0 to 1.

    `extents`, N x 2: height and width of the images where they do not fill their rows, which are 0
    beside them. Summed as integers, so that no order of summing and no number of threads changes a
    digit.
    """
    values = np.arange(256)
    mean, std = [], []
    counts = np.zeros((array.shape[-1], 256), np.int64)
    step = _rows(array)
    for start in range(0, len(array), step):
        for channel, count in enumerate(counts):
            count += np.bincount(array[start : start + step, ..., channel].ravel(), minlength=256)
    if extents is not None:
        counts[:, 0] -= len(array) * math.prod(array.shape[1:3]) - int(extents.prod(axis=1).sum())
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
