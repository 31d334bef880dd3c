"""The sample catalogue: small sets drawn by Sightline itself, written in the official formats.

An image depends on its dataset, split, seed and place alone, so fewer images are the first of many.
The drawn arrays are pinned by SHA-256 in the catalogue (see `sightline.sample.canvas` for why
they are equal on every machine); archives are not, their bytes depend on zlib and the JPEG codec.
"""

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import SightlineError
from sightline.sample.split import Split

log = logging.getLogger(__name__)

DATASETS = {"mnist": 10, "fashion-mnist": 10, "cifar10": 10, "cifar100": 100, "imagenet": 10}
SPLITS = ("train", "test")


def draw(dataset: str, entry: dict[str, Any], folder: Path) -> None:
    """Draw a dataset as its catalogue entry says, and write the entry's files into `folder`.

    `entry["draw"]`: {train: images, test: images, seed: int, sha256: {train-images: digest, ...}};
    without sha256 nothing is checked. Raises SightlineError: an unknown dataset or setting, or
    drawn arrays that are not those pinned.
    """
    counts, seed, pinned = _settings(dataset, entry["draw"])
    splits = {split: drawn(dataset, split, counts[split], seed) for split in SPLITS}
    if pinned is None:
        log.info("%s: the catalogue pins no digests of what is drawn", dataset)
    else:
        _check(folder, splits, pinned)
    _write(dataset, {file["role"]: folder / file["name"] for file in entry["files"]}, splits)


def _check(folder: Path, splits: dict[str, Split], pinned: dict[str, str]) -> None:
    for split, content in splits.items():
        for part, digest in content.digests().items():
            expected = pinned.get(f"{split}-{part}")
            if expected != digest:
                raise SightlineError(
                    f"{folder}: the drawn {split}-{part} have SHA-256 {digest}, the catalogue says "
                    f"{expected}: if you changed the drawing, the counts or the seed, pin them "
                    "anew by `python -m sightline.sample pin CATALOGUE`; otherwise please report it"
                )


def drawn(dataset: str, split: str, count: int, seed: int) -> Split:
    """Draw the first `count` images of a split; every class comes once in each round of labels."""
    figure, classes = _figure(dataset), DATASETS[dataset]
    labels, images = [], []
    for i in range(count):
        if i % classes == 0:
            order = list(range(classes))
            random.Random(f"{dataset}/{split}/{seed}/round {i // classes}").shuffle(order)
        labels.append(order[i % classes])
        images.append(figure(labels[-1], random.Random(f"{dataset}/{split}/{seed}/{i}")))
    sizes_vary = dataset == "imagenet"
    return Split(images if sizes_vary else np.stack(images), np.array(labels, np.uint8))


def _figure(dataset: str) -> Callable[[int, random.Random], np.ndarray]:
    match dataset:
        case "mnist":
            from sightline.sample.glyphs import digit as figure
        case "fashion-mnist":
            from sightline.sample.garments import garment as figure
        case "cifar10":
            from sightline.sample.objects import cifar10 as figure
        case "cifar100":
            from sightline.sample.objects import cifar100 as figure
        case "imagenet":
            from sightline.sample.imagenette import imagenette as figure
    return figure


def _settings(
    dataset: str, given: dict[str, Any]
) -> tuple[dict[str, int], int, dict[str, str] | None]:
    if dataset not in DATASETS:
        raise SightlineError(
            f"no drawing of '{dataset}': Sightline draws {', '.join(DATASETS)}: give other "
            "datasets files with urls instead of draw:"
        )
    if unknown := set(given) - {"train", "test", "seed", "sha256"}:
        raise SightlineError(
            f"{dataset}: draw: has no setting {', '.join(sorted(unknown))}: there are train, test, "
            "seed and sha256"
        )
    counts: dict[str, int] = {}
    for split in SPLITS:
        count = given.get(split)
        if not isinstance(count, int) or count < 1:
            raise SightlineError(f"{dataset}: draw: {split}: is {count!r}: give a number of images")
        counts[split] = count
    if dataset == "cifar10" and counts["train"] % 5:
        raise SightlineError(
            f"cifar10: draw: train: is {counts['train']}: CIFAR-10's file has five equal train "
            "batches, so give a multiple of 5"
        )
    return counts, given.get("seed", 0), given.get("sha256")


def _write(dataset: str, paths: dict[str, Path], splits: dict[str, Split]) -> None:
    from sightline.sample import formats, imagenette, objects

    train, test = (splits[split] for split in SPLITS)
    match dataset:
        case "mnist" | "fashion-mnist":
            for split, content in splits.items():
                formats.write_idx(paths[f"{split}-images"], np.asarray(content.images))
                formats.write_idx(paths[f"{split}-labels"], content.labels)
        case "cifar10":
            formats.write_cifar10(paths["archive"], train, test, list(objects.CIFAR10))
        case "cifar100":
            names, coarse, group = objects.FINE, objects.COARSE, objects.GROUP
            formats.write_cifar100(paths["archive"], train, test, names, coarse, group)
        case "imagenet":
            formats.write_imagenette(paths["images"], train, test, imagenette.SYNSETS)
