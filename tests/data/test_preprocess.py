"""The whole stage: files in, arrays and meta.json out, whole or not at all, the same every time."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from served import idx, png

from sightline.data import arrays, decode_many, source
from sightline.data.preprocess import preprocess, statistics
from sightline.errors import SightlineError
from sightline.layout import SPLITS, Processed, Raw
from sightline.settings.params import Dataset

ABOUT = {
    "dataset": "things",
    "catalogue": "test",
    "real": False,
    "note": "made by a test",
    "terms": "none",
    "classes": None,
    "polarity": None,
}


def settings(**changes):
    return Dataset(**{"image_size": 8, "channels": 1, "val_size": 0.1, "seed": 0, **changes})


def write_raw(tmp_path, format_, files, **about):
    """What download leaves: `files` is role -> (name, bytes)."""
    raw = Raw(tmp_path / "raw" / "things")
    raw.path.mkdir(parents=True)
    lines = []
    for role, (name, data) in files.items():
        (raw.path / name).write_bytes(data)
        lines.append({"name": name, "size": len(data), "sha256": "", "role": role})
    source.write(raw, {**ABOUT, "format": format_, **about}, lines)
    return raw


def idx_raw(tmp_path, train=100, test=20, size=8, classes=4):
    rng = np.random.RandomState(0)
    files = {}
    for split, count in (("train", train), ("test", test)):
        pixels = rng.randint(0, 256, (count, size, size))
        files[f"{split}-images"] = (f"{split}-images.gz", idx(pixels))
        files[f"{split}-labels"] = (f"{split}-labels.gz", idx(np.arange(count) % classes))
    return write_raw(tmp_path, "idx", files, classes=[f"class {i}" for i in range(classes)])


def folder_raw(tmp_path, images_, **about):
    """A folder dataset; `images_` is name -> bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in images_.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return write_raw(tmp_path, "folder", {"images": ("images.tar", out.getvalue())}, **about)


def pictures(count, classes=2):
    rng = np.random.RandomState(0)
    return {
        f"{split}/c{n % classes}/{n}.png": png(rng.randint(0, 256, (9, 11, 3)).astype(np.uint8))
        for split in ("train", "test")
        for n in range(count)
    }


def contents(files):
    return {path.name: path.read_bytes() for path in files.path.iterdir()}


@pytest.fixture
def out(tmp_path):
    """Where the arrays go."""
    return Processed(tmp_path / "processed" / "things")


def test_the_contract_of_the_arrays_and_of_meta_json(tmp_path, out):
    preprocess(idx_raw(tmp_path), out, settings())
    meta = arrays.load_meta(out)
    counts = {"train": 90, "val": 10, "test": 20}
    for split, count in counts.items():
        images, labels = arrays.load_split(out, split)
        assert images.shape == (count, 8, 8, 1) and images.dtype == np.uint8
        assert isinstance(images, np.memmap) and not images.flags.writeable
        assert labels.shape == (count,) and labels.dtype == np.int64
    train = arrays.load_split(out, "train")[0] / 255
    assert meta["mean"] == pytest.approx([train.mean()], rel=1e-12)
    assert meta["std"] == pytest.approx([train.std()], rel=1e-12)
    for name, sha256 in meta["sha256"].items():
        assert hashlib.sha256((out.path / name).read_bytes()).hexdigest() == sha256
    assert len(meta.pop("sha256")) == 6
    del meta["mean"], meta["std"]
    assert meta == {
        **{key: ABOUT[key] for key in ("dataset", "catalogue", "real", "note", "terms")},
        "polarity": None,
        "classes": [f"class {i}" for i in range(4)],
        "height": 8,
        "width": 8,
        "channels": 1,
        "counts": counts,
        "resize": {"size": 8, "rule": "shorter side, then centre crop"},
        "val_size": 0.1,
        "test_size": 0.0,
        "seed": 0,
        "skipped": [],
    }


def test_images_keep_their_labels_and_their_order(tmp_path, out):
    """Every image says in its pixels which one it is."""
    pixels = np.arange(100)[:, None, None] + np.zeros((1, 8, 8))
    labels = np.arange(100) // 25
    files = {
        "train-images": ("a.gz", idx(pixels)), "train-labels": ("b.gz", idx(labels)),
        "test-images": ("c.gz", idx(pixels[::-1])), "test-labels": ("d.gz", idx(labels[::-1])),
    }  # fmt: skip
    preprocess(write_raw(tmp_path, "idx", files, classes=list("abcd")), out, settings(val_size=0.2))
    seen = []
    for split in SPLITS:
        images, kept = arrays.load_split(out, split)
        numbers = images[:, 3, 3, 0].astype(int)
        assert np.array_equal(numbers // 25, kept)
        step = -1 if split == "test" else 1
        assert (np.diff(numbers) * step > 0).all()
        if split != "test":
            seen += numbers.tolist()
    assert sorted(seen) == list(range(100))


def test_every_run_gives_the_same_bytes(tmp_path, monkeypatch):
    raw = folder_raw(tmp_path, pictures(40))
    runs = []
    for name, worth in (("one", 10**9), ("two", 10**9), ("processes", 10)):
        monkeypatch.setattr(decode_many, "_WORTH_A_POOL", worth)
        runs.append(Processed(tmp_path / name))
        preprocess(raw, runs[-1], settings(channels=3))
    assert contents(runs[0]) == contents(runs[1]) == contents(runs[2])


def test_arrays_are_resized_and_coloured_like_files(tmp_path, out):
    raw = idx_raw(tmp_path, size=10)
    preprocess(raw, out, settings(image_size=16, channels=3))
    images, _ = arrays.load_split(out, "test")
    assert images.shape == (20, 16, 16, 3)
    assert np.array_equal(images[..., 0], images[..., 2])


def test_val_size_0_gives_empty_val_arrays(tmp_path, out):
    preprocess(idx_raw(tmp_path), out, settings(val_size=0))
    images, labels = arrays.load_split(out, "val")
    assert images.shape == (0, 8, 8, 1) and labels.shape == (0,)
    assert arrays.load_meta(out)["counts"] == {"train": 100, "val": 0, "test": 20}


def test_a_second_run_replaces_the_first(tmp_path, out):
    raw = idx_raw(tmp_path)
    preprocess(raw, out, settings())
    (out.path / "stray").write_text("")
    preprocess(raw, out, settings(val_size=0.5))
    assert arrays.load_meta(out)["counts"]["val"] == 50
    assert not (out.path / "stray").exists()


# broken images


@pytest.mark.faults
def test_a_broken_image_stops_the_stage_by_name_and_leaves_nothing(tmp_path, out):
    images_ = pictures(10)
    images_["train/c1/3.png"] = images_["train/c1/3.png"][:60]
    with pytest.raises(SightlineError, match=r"^train/c1/3.png is broken \(.+broken_images: skip"):
        preprocess(folder_raw(tmp_path, images_), out, settings())
    assert list(out.path.parent.iterdir()) == []


@pytest.mark.faults
def test_broken_images_are_skipped_by_name_and_the_rest_stays_in_place(
    tmp_path, caplog, monkeypatch, out
):
    monkeypatch.setattr("sightline.data.preprocess._PIECE", 500)  # two rows a piece
    good = pictures(10)
    bad = {"train/c1/3.png", "train/c0/8.png", "test/c0/0.png"}
    spoilt = {name: b"spoilt" if name in bad else data for name, data in good.items()}
    skip, every = (
        settings(broken_images="skip", channels=3, val_size=0.2),
        Processed(tmp_path / "every"),
    )
    preprocess(folder_raw(tmp_path / "spoilt", spoilt), out, skip)
    preprocess(folder_raw(tmp_path / "good", good), every, skip)
    meta = arrays.load_meta(out)
    assert set(meta["skipped"]) == bad and meta["left_out"] == {"broken": {"c0": 2, "c1": 1}}
    assert caplog.messages == ["things: 2 files of c0, 1 file of c1: broken"]
    assert sum(meta["counts"].values()) == 17 and meta["counts"]["test"] == 9
    for split in SPLITS:
        (kept, labels), (images, all_labels) = (
            arrays.load_split(files, split) for files in (out, every)
        )
        rows = [next(i for i, image in enumerate(images) if (image == one).all()) for one in kept]
        assert rows == sorted(set(rows))
        assert np.array_equal(labels, all_labels[rows])


@pytest.mark.faults
def test_a_split_of_broken_images_alone_is_an_error(tmp_path, out):
    images_ = {name: b"x" if "test" in name else data for name, data in pictures(10).items()}
    with pytest.raises(SightlineError, match="no whole image is left in test"):
        preprocess(folder_raw(tmp_path, images_), out, settings(broken_images="skip"))


@pytest.mark.faults
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_of_broken_images_alone_is_an_error(tmp_path, out, split):
    spoilt = {n: b"x" if f"{split}/c1" in n else data for n, data in pictures(10).items()}
    with pytest.raises(SightlineError, match=f"all images of c1 in {split} are broken"):
        preprocess(folder_raw(tmp_path, spoilt), out, settings(broken_images="skip"))


@pytest.mark.faults
def test_what_is_left_out_is_counted_and_gets_a_line_a_reason(tmp_path, caplog, out):
    given = pictures(24, classes=8)
    others = {"README": b"text", **{f"train/c{n}/notes{m}": b"" for n in range(8) for m in (1, 2)}}
    others |= {f"test/c1/{n}": b"text" for n in range(1200)}
    preprocess(folder_raw(tmp_path, {**given, **others}), out, settings())
    left_out = {"the top": 1, "c0": 2, "c1": 1202, **{f"c{n}": 2 for n in range(2, 8)}}
    assert arrays.load_meta(out)["left_out"] == {"not images by content": left_out}
    assert caplog.messages == [
        "things: 1,202 files of c1, 2 files of c0, 2 files of c2, 2 files of c3, 2 files of c4, "
        "7 files of 4 others: not images by content"
    ]


@pytest.mark.faults
def test_nothing_left_out_is_nothing_new_in_meta_json(tmp_path, out):
    preprocess(folder_raw(tmp_path, pictures(10)), out, settings())
    assert "left_out" not in arrays.load_meta(out)


# one class, one image, none


def test_one_class_is_allowed_with_a_warning(tmp_path, caplog, out):
    preprocess(folder_raw(tmp_path, pictures(10, classes=1)), out, settings())
    assert arrays.load_meta(out)["classes"] == ["c0"]
    assert "things has one class" in caplog.text


def test_one_image(tmp_path, out):
    raw = idx_raw(tmp_path, train=1, test=1)
    with pytest.raises(SightlineError, match="leaves val empty"):
        preprocess(raw, out, settings())
    preprocess(raw, out, settings(val_size=0))
    assert arrays.load_meta(out)["counts"] == {"train": 1, "val": 0, "test": 1}


@pytest.mark.parametrize(("train", "test"), [(0, 5), (5, 0)])
def test_no_image(tmp_path, train, test, out):
    with pytest.raises(SightlineError, match=r"things: there is no (train|test) image"):
        preprocess(idx_raw(tmp_path, train, test), out, settings())


def test_images_that_all_show_one_value(tmp_path, out):
    white = {name: png(np.full((4, 4), 255, np.uint8)) for name in pictures(10)}
    with pytest.raises(SightlineError, match="show the same single value"):
        preprocess(folder_raw(tmp_path, white), out, settings())


@pytest.mark.parametrize("wrong", ["labels", "images"])
def test_labels_and_images_that_do_not_fit(tmp_path, wrong, out):
    raw = idx_raw(tmp_path)
    data = idx(np.arange(100) % 5) if wrong == "labels" else idx(np.zeros((99, 8, 8)))
    (raw.path / f"train-{wrong}.gz").write_bytes(data)
    about = json.loads(raw.source.read_text())
    for file in about["files"]:
        file["size"] = (raw.path / file["name"]).stat().st_size
    raw.source.write_text(json.dumps(about))
    with pytest.raises(SightlineError, match=r"label 4 at place 4, but|100 labels for 99 images"):
        preprocess(raw, out, settings())


def test_statistics_are_exact_over_many_pieces(monkeypatch):
    monkeypatch.setattr("sightline.data.preprocess._PIECE", 1000)
    array = np.random.RandomState(0).randint(0, 256, (900, 3, 5, 2)).astype(np.uint8)
    mean, std = statistics(array)
    values = array.reshape(-1, 2).astype(np.float64) / 255
    assert mean == pytest.approx(values.mean(0).tolist(), rel=1e-12)
    assert std == pytest.approx(values.std(0).tolist(), rel=1e-12)
    assert statistics(array[::-1]) == (mean, std)


# the disk

SCRIPT = """
import sys
from pathlib import Path
from sightline.data.preprocess import preprocess
from sightline.errors import SightlineError
from sightline.layout import Processed, Raw
from sightline.settings.params import Dataset
try:
    preprocess(Raw(Path(sys.argv[1])), Processed(Path(sys.argv[2])), Dataset(100, 3, 0.1))
except SightlineError as error:
    sys.exit(str(error))
"""


@pytest.mark.faults
@pytest.mark.parametrize("disk", ["small_disk", "read_only"])
def test_a_disk_that_is_full_or_read_only(tmp_path, request, disk):
    out = request.getfixturevalue(disk) / "things"
    command = [sys.executable, "-c", SCRIPT, str(idx_raw(tmp_path).path), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done  # not -7: writing through a map to a full disk is SIGBUS
    assert str(out.parent) in done.stderr and "Traceback" not in done.stderr
    assert list(out.parent.iterdir()) == []
