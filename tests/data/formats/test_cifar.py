"""CIFAR's pickles: what the official ones hold is read, what would run code does not run."""

import io
import os
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest

from sightline.data.formats import cifar
from sightline.errors import SightlineError


def batch(count, classes=10, key="labels", **changes):
    rng = np.random.RandomState(count)
    data = rng.randint(0, 256, (count, 3072)).astype(np.uint8)
    return {"data": data, key: [i % classes for i in range(count)]} | changes


def archive(tmp_path, **members):
    """Members are objects to pickle, or bytes as they are; `__` in a name stands for a dot."""
    path = tmp_path / "cifar.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, value in members.items():
            data = value if isinstance(value, bytes) else pickle.dumps(value, protocol=2)
            info = tarfile.TarInfo(f"cifar-batches-py/{name.replace('__', '.')}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


TEN = {"label_names": [f"class {i}" for i in range(10)]}


def ten(tmp_path, **changes):
    return archive(
        tmp_path,
        **{
            "data_batch_2": batch(7),
            "data_batch_1": batch(5),
            "test_batch": batch(4),
            "batches__meta": TEN,
            **changes,
        },
    )


def test_batches_in_order_and_planes_as_channels(tmp_path):
    classes, images, labels = cifar.read(ten(tmp_path))
    assert classes == TEN["label_names"]
    assert images["train"].shape == (12, 32, 32, 3) and images["test"].shape == (4, 32, 32, 3)
    first = batch(5)["data"][1]  # the first batch comes first, wherever it lies in the archive
    assert np.array_equal(images["train"][1, :, :, 2].ravel(), first[2048:])
    assert labels["train"].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6]


def test_what_is_none_of_its_files_is_not_read(tmp_path):
    path = ten(tmp_path, data_batch_1_old=bytes(60 << 20))
    tracemalloc.start()
    try:
        assert len(cifar.read(path)[1]["train"]) == 12
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 << 20


def test_cifar100_gives_its_fine_labels(tmp_path):
    fine = {"fine_label_names": [f"fine {i}" for i in range(100)], "coarse_label_names": ["x"] * 20}
    path = archive(
        tmp_path,
        meta=fine,
        train=batch(8, 100, "fine_labels", coarse_labels=[0] * 8),
        test=batch(3, 100, "fine_labels"),
    )
    classes, images, labels = cifar.read(path)
    assert (
        len(classes) == 100 and len(images["train"]) == 8 and labels["test"].tolist() == [0, 1, 2]
    )


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["data_batch_1", "batches__meta"])
def test_a_pickle_that_would_run_code_does_not_run(tmp_path, place):
    witness = tmp_path / "it ran"
    for evil in (Evil(witness), {"data": [Evil(witness)]}):
        with pytest.raises(SightlineError, match=r"asks for posix.mkdir\): it is not opened"):
            cifar.read(ten(tmp_path, **{place: evil}))
        assert not witness.exists()
    pickle.loads(pickle.dumps(Evil(witness)))
    assert witness.exists()  # it is a real one: a plain unpickler runs it


@pytest.mark.parametrize(
    "payload",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        b"cnumpy.core.multiarray\nfrombuffer\n.",
        b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
    ],
)
def test_other_ways_to_code_are_closed(payload):
    with pytest.raises(SightlineError, match="more than arrays and plain values"):
        cifar.unpickle(payload, "batch")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_batch_1": batch(5, labels=[0, 1, 2, 3, 10])}, "label 10 at place 4, of 10 classes"),
        ({"data_batch_1": batch(5, labels=[0, 1, 2, 3, -1])}, "label -1 at place 4"),
        ({"data_batch_1": batch(5, labels=[0])}, "1 labels for 5 images"),
        ({"data_batch_1": batch(5, labels=["a"] * 5)}, "labels is not a list of numbers"),
        ({"data_batch_1": batch(5, data=np.zeros((5, 3071), np.uint8))}, "not an array of uint8"),
        ({"data_batch_1": batch(5, data=np.zeros((5, 3072)))}, "not an array of uint8"),
        ({"data_batch_1": {"labels": []}}, "data_batch_1 has no 'data'"),
        ({"data_batch_1": [1, 2]}, "holds a list, not a dict"),
        ({"data_batch_1": pickle.dumps(batch(5), protocol=2)[:-900]}, "is not a whole pickle"),
        ({"data_batch_1": b""}, "is not a whole pickle"),
        ({"batches__meta": {"label_names": 10}}, "label_names is not a list of names"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, message):
    with pytest.raises(SightlineError, match=message):
        cifar.read(ten(tmp_path, **changes))


def test_an_archive_of_something_else(tmp_path):
    with pytest.raises(SightlineError, match="no meta in it: this is not CIFAR's python version"):
        cifar.read(archive(tmp_path, train=batch(2), test=batch(2)))
    with pytest.raises(SightlineError, match="no data_batch_1 in it"):
        cifar.read(archive(tmp_path, batches__meta=TEN, test_batch=batch(2)))
