"""CIFAR-10 and CIFAR-100, the "python version" (cs.toronto.edu/~kriz/cifar.html): a tar of pickles.

A pickle can run any code. These pass an unpickler that knows numpy arrays and plain types only.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from sightline.data.formats import archives
from sightline.errors import SightlineError

_SIDE = 32
_CHANNELS = 3
_MEMBERS = r"data_batch_\d+|test_batch|batches\.meta|train|test|meta"


class _Refused(Exception):
    """The pickle asks for something that could run code."""


class _Restricted(pickle.Unpickler):
    """Opens numpy arrays, strings, numbers, lists and dicts; refuses to look up anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
        ):
            return np.ndarray.__reduce__(np.empty(0))[0]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return _encode
        raise _Refused(f"it asks for {module}.{name}")


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise _Refused(f"it asks for the codec {encoding}")
    return text.encode("latin1")


def unpickle(data: bytes, name: str) -> dict[str, Any]:
    """Return the dict that a CIFAR pickle holds; SightlineError, and no code run, for any other."""
    try:
        content = _Restricted(io.BytesIO(data), encoding="latin1").load()
    except _Refused as error:
        raise SightlineError(
            f"{name}: this pickle holds more than arrays and plain values ({error}): it is not "
            "opened, do not trust where it is from"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        raise SightlineError(f"{name} is not a whole pickle: {error!r}") from None
    if not isinstance(content, dict):
        raise SightlineError(f"{name} holds a {type(content).__name__}, not a dict")
    return content


def read(path: Path) -> tuple[list[str], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return classes, images (uint8 N x 32 x 32 x 3) and labels (int64) per split, train and test.

    CIFAR-100's labels are the 100 fine ones. Raises SightlineError, naming the member, where one is
    missing or does not hold what it should.
    """
    members = archives.contents(path, _MEMBERS)
    if "batches.meta" in members:
        meta, names, labels = "batches.meta", "label_names", "labels"
        batches = {
            "train": sorted(name for name in members if name.startswith("data_batch_")),
            "test": ["test_batch"],
        }
    else:
        meta, names, labels = "meta", "fine_label_names", "fine_labels"
        batches = {"train": ["train"], "test": ["test"]}
    for name in (meta, *(batches["train"] or ["data_batch_1"]), *batches["test"]):
        if name not in members:
            raise SightlineError(f"{path}: no {name} in it: this is not CIFAR's python version")
    classes = _get(unpickle(members[meta], f"{path}: {meta}"), names, f"{path}: {meta}")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise SightlineError(f"{path}: {meta}: {names} is not a list of names")
    images, targets = {}, {}
    for split, parts in batches.items():
        read_parts = [
            _batch(members.pop(part), f"{path}: {part}", labels, len(classes)) for part in parts
        ]
        images[split] = np.concatenate([part[0] for part in read_parts])
        targets[split] = np.concatenate([part[1] for part in read_parts])
    return classes, images, targets


def _batch(data: bytes, name: str, key: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    batch = unpickle(data, name)
    pixels, labels = _get(batch, "data", name), _get(batch, key, name)
    length = _CHANNELS * _SIDE * _SIDE
    if not (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.shape[1:] == (length,)
    ):
        raise SightlineError(f"{name}: data is not an array of uint8, N x {length}")
    if not (isinstance(labels, list) and all(type(label) is int for label in labels)):
        raise SightlineError(f"{name}: {key} is not a list of numbers")
    if len(labels) != len(pixels):
        raise SightlineError(f"{name}: {len(labels)} labels for {len(pixels)} images")
    for place, label in enumerate(labels):
        if not 0 <= label < classes:
            raise SightlineError(f"{name}: label {label} at place {place}, of {classes} classes")
    # a row holds the red plane, then the green, then the blue
    planes = pixels.reshape(-1, _CHANNELS, _SIDE, _SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), np.array(labels, np.int64)


def _get(content: dict[str, Any], key: str, name: str) -> Any:
    if key not in content:
        raise SightlineError(f"{name} has no '{key}'")
    return content[key]
