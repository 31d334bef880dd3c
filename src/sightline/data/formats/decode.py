"""The files of a dataset, of any format, as classes, labels and a stream of images."""

from pathlib import Path
from typing import Any

import numpy as np

from sightline.data.formats import cifar, folder, idx, imagenet
from sightline.data.formats.dataset import Decoded, from_arrays
from sightline.errors import SightlineError


def decode(about: dict[str, Any], paths: dict[str, Path]) -> Decoded:
    """Return a dataset from its source.json and the paths of its files by role.

    Raises SightlineError, naming the file, where one does not hold what its format demands.
    """
    match about["format"]:
        case "idx":
            return _idx(about["classes"], paths)
        case "cifar":
            return from_arrays(*cifar.read(paths["archive"]))
        case "imagenet":
            return imagenet.decode(paths, about["classes"], about.get("without_images", ()))
        case "folder":
            return folder.decode(paths["images"], about["classes"], about.get("without_images", ()))
        case unknown:
            raise SightlineError(f"source.json of {about['dataset']}: no format '{unknown}'")


def _idx(classes: list[str], paths: dict[str, Path]) -> Decoded:
    images, labels = {}, {}
    for split in ("train", "test"):
        images[split] = idx.read(paths[f"{split}-images"], 3)[..., None]
        labels[split] = idx.read(paths[f"{split}-labels"], 1).astype(np.int64)
        _check(paths[f"{split}-labels"], labels[split], len(images[split]), len(classes))
    return from_arrays(classes, images, labels)


def _check(path: Path, labels: np.ndarray, images: int, classes: int) -> None:
    if len(labels) != images:
        raise SightlineError(f"{path} holds {len(labels)} labels for {images} images")
    wrong = np.flatnonzero(labels >= classes)
    if len(wrong):
        raise SightlineError(
            f"{path}: label {labels[wrong[0]]} at place {wrong[0]}, "
            f"but there are {classes} classes, 0 to {classes - 1}"
        )
