"""Writes arrays in the official file formats: gzipped IDX, CIFAR's pickled tar, Imagenette's tgz.

Equal arrays give equal bytes on one machine: no times, no owners, one order.
"""

import gzip
import io
import struct
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.sample.split import Split


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a uint8 array of any shape as gzipped IDX (format: yann.lecun.com/exdb/mnist)."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), compresslevel=6, mtime=0))


def write_cifar10(path: Path, train: Split, test: Split, names: list[str]) -> None:
    """Write CIFAR-10's archive; train and test have images, uint8 N x 32 x 32 x 3, and labels.

    Five training batches as in the official file, so the number of train images divides by five.
    """
    size = len(train.labels) // 5
    batches = {}
    for i in range(5):
        part = slice(i * size, (i + 1) * size)
        title = f"training batch {i + 1} of 5"
        batches[f"data_batch_{i + 1}"] = (title, train.images[part], train.labels[part], i * size)
    batches["test_batch"] = ("testing batch 1 of 1", test.images, test.labels, 0)
    meta = {"num_cases_per_batch": size, "label_names": names, "num_vis": 3072}
    members: dict[str, dict[str, Any]] = {"batches.meta": meta}
    for member, (title, images, labels, first) in batches.items():
        members[member] = {
            "batch_label": title,
            "labels": [int(label) for label in labels],
            "data": _planes(images),
            "filenames": _file_names(labels, names, first),
        }
    _write_cifar(path, "cifar-10-batches-py", members)


def write_cifar100(
    path: Path, train: Split, test: Split, names: list[str], coarse: list[str], group: list[int]
) -> None:
    """Write CIFAR-100's archive. `group[fine]` is the coarse label of a fine label."""
    members: dict[str, dict[str, Any]] = {
        "meta": {"fine_label_names": names, "coarse_label_names": coarse}
    }
    for member, title, split in (
        ("train", "training batch 1 of 1", train),
        ("test", "testing batch 1 of 1", test),
    ):
        members[member] = {
            "filenames": _file_names(split.labels, names, 0),
            "batch_label": title,
            "fine_labels": [int(label) for label in split.labels],
            "coarse_labels": [group[label] for label in split.labels],
            "data": _planes(split.images),
        }
    _write_cifar(path, "cifar-100-python", members)


def write_imagenette(path: Path, train: Split, test: Split, synsets: list[str]) -> None:
    """Write a tgz of FOLDER/{train,val}/SYNSET/*.JPEG; FOLDER is the archive's name.

    Images are uint8 H x W x 3, or H x W where they are grey, of any size.
    """
    root = path.name.split(".")[0]
    members: list[tuple[str, bytes | None]] = [(root, None)]
    for folder, split in ((f"{root}/train", train), (f"{root}/val", test)):
        members += [(folder, None), *((f"{folder}/{synset}", None) for synset in synsets)]
        for i, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            out = io.BytesIO()
            Image.fromarray(image).save(out, "JPEG", quality=90)
            members.append((f"{folder}/{synsets[label]}/{synsets[label]}_{i}.JPEG", out.getvalue()))
    _write_tgz(path, members)


def _planes(images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
    """CIFAR's rows: 1,024 bytes of red, then green, then blue."""
    planes = np.asarray(images).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(planes).reshape(len(planes), -1)


def _file_names(labels: np.ndarray, names: list[str], first: int) -> list[str]:
    return [f"{names[label]}_drawn_{first + i:06d}.png" for i, label in enumerate(labels)]


def _write_cifar(path: Path, root: str, members: dict[str, dict[str, Any]]) -> None:
    files = ((f"{root}/{name}", pickled(members[name])) for name in sorted(members))
    _write_tgz(path, [(root, None), *files])


def _write_tgz(path: Path, members: Iterable[tuple[str, bytes | None]]) -> None:
    """Write a gzipped tar; a member without bytes is a folder."""
    with (
        path.open("wb") as out,
        gzip.GzipFile("", "wb", 6, out, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o644
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content or b""))


def pickled(value: dict[str, Any]) -> bytes:
    """Pickle as Python 2 and numpy 1 did when the CIFAR files were made (protocol 2).

    Python 3 cannot write Python 2's `str`, which the official files hold, nor numpy 1's module
    names, so the opcodes are written here. Raises TypeError for what CIFAR's files do not hold.
    """
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case dict():
            items = b"".join(_opcodes(key) + _opcodes(value[key]) for key in value)
            return b"}(" + items + b"u"
        case list():
            return b"](" + b"".join(map(_opcodes, value)) + b"e"
        case int():
            return b"J" + struct.pack("<i", value)
        case str():
            return _string(value.encode("ascii"))
        case np.ndarray() if value.dtype == np.uint8 and value.flags.c_contiguous:
            shape = b"(" + b"".join(map(_opcodes, value.shape)) + b"t"
            kind = b"cnumpy\ndtype\n" + _string(b"u1") + b"K\x00K\x01\x87R"
            kind += b"(K\x03" + _string(b"|") + b"NNN" + 2 * _opcodes(-1) + b"K\x00tb"
            empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
            empty += _string(b"b") + b"\x87R"
            return empty + b"(K\x01" + shape + kind + b"\x89" + _string(value.tobytes()) + b"tb"
    raise TypeError(f"CIFAR's files hold no {type(value).__name__}")


def _string(text: bytes) -> bytes:
    if len(text) < 256:
        return b"U" + struct.pack("<B", len(text)) + text
    return b"T" + struct.pack("<i", len(text)) + text
