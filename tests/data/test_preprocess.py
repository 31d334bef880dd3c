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

from sightline.data import arrays, source
from sightline.data import image_files as images
from sightline.data.preprocess import preprocess, statistics
from sightline.errors import SightlineError
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


def write_raw(raw, format_, files, **about):
    """What download leaves: `files` is role -> (name, bytes)."""
    raw.mkdir(parents=True)
    lines = []
    for role, (name, data) in files.items():
        (raw / name).write_bytes(data)
        lines.append({"name": name, "size": len(data), "sha256": "", "role": role})
    source.write(raw, {**ABOUT, "format": format_, **about}, lines)


def idx_raw(tmp_path, train=100, test=20, size=8, classes=4):
    rng = np.random.RandomState(0)
    files = {}
    for split, count in (("train", train), ("test", test)):
        pixels = rng.randint(0, 256, (count, size, size))
        files[f"{split}-images"] = (f"{split}-images.gz", idx(pixels))
        files[f"{split}-labels"] = (f"{split}-labels.gz", idx(np.arange(count) % classes))
    write_raw(tmp_path / "raw", "idx", files, classes=[f"class {i}" for i in range(classes)])
    return tmp_path / "raw"


def folder_raw(tmp_path, images_, **about):
    """A folder dataset; `images_` is name -> bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in images_.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    write_raw(tmp_path / "raw", "folder", {"images": ("images.tar", out.getvalue())}, **about)
    return tmp_path / "raw"


def pictures(count, classes=2):
    rng = np.random.RandomState(0)
    return {
        f"{split}/c{n % classes}/{n}.png": png(rng.randint(0, 256, (9, 11, 3)).astype(np.uint8))
        for split in ("train", "test")
        for n in range(count)
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_contract_of_the_arrays_and_of_meta_json(tmp_path):
    raw, out = idx_raw(tmp_path), tmp_path / "processed" / "things"
    preprocess(raw, out, settings())
    meta = arrays.load_meta(out)
    counts = {"train": 90, "val": 10, "test": 20}
    for split, count in counts.items():
        found, labels = arrays.load_split(out, split)
        assert found.shape == (count, 8, 8, 1) and found.dtype == np.uint8
        assert isinstance(found, np.memmap) and not found.flags.writeable
        assert labels.shape == (count,) and labels.dtype == np.int64
    train = arrays.load_split(out, "train")[0] / 255
    assert meta["mean"] == pytest.approx([train.mean()], rel=1e-12)
    assert meta["std"] == pytest.approx([train.std()], rel=1e-12)
    for name, sha256 in meta["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == sha256
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


def test_images_keep_their_labels_and_their_order(tmp_path):
    """Every image says in its pixels which one it is."""
    pixels = np.arange(100)[:, None, None] + np.zeros((1, 8, 8))
    labels = np.arange(100) // 25
    files = {
        "train-images": ("a.gz", idx(pixels)), "train-labels": ("b.gz", idx(labels)),
        "test-images": ("c.gz", idx(pixels[::-1])), "test-labels": ("d.gz", idx(labels[::-1])),
    }  # fmt: skip
    write_raw(tmp_path / "raw", "idx", files, classes=list("abcd"))
    preprocess(tmp_path / "raw", tmp_path / "out", settings(val_size=0.2))
    seen = []
    for split in arrays.SPLITS:
        found, kept = arrays.load_split(tmp_path / "out", split)
        numbers = found[:, 3, 3, 0].astype(int)
        assert np.array_equal(numbers // 25, kept)
        step = -1 if split == "test" else 1
        assert (np.diff(numbers) * step > 0).all()
        if split != "test":
            seen += numbers.tolist()
    assert sorted(seen) == list(range(100))


def test_every_run_gives_the_same_bytes(tmp_path, monkeypatch):
    raw = folder_raw(tmp_path, pictures(40))
    wanted = settings(channels=3)
    for name, worth in (("one", 10**9), ("two", 10**9), ("processes", 10)):
        monkeypatch.setattr(images, "_WORTH_A_POOL", worth)
        preprocess(raw, tmp_path / name, wanted)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "processes")


def test_arrays_are_resized_and_coloured_like_files(tmp_path):
    raw = idx_raw(tmp_path, size=10)
    preprocess(raw, tmp_path / "out", settings(image_size=16, channels=3))
    found, _ = arrays.load_split(tmp_path / "out", "test")
    assert found.shape == (20, 16, 16, 3)
    assert np.array_equal(found[..., 0], found[..., 2])


def test_val_size_0_gives_empty_val_arrays(tmp_path):
    preprocess(idx_raw(tmp_path), tmp_path / "out", settings(val_size=0))
    found, labels = arrays.load_split(tmp_path / "out", "val")
    assert found.shape == (0, 8, 8, 1) and labels.shape == (0,)
    assert arrays.load_meta(tmp_path / "out")["counts"] == {"train": 100, "val": 0, "test": 20}


def test_a_second_run_replaces_the_first(tmp_path):
    raw = idx_raw(tmp_path)
    preprocess(raw, tmp_path / "out", settings())
    (tmp_path / "out" / "stray").write_text("")
    preprocess(raw, tmp_path / "out", settings(val_size=0.5))
    assert arrays.load_meta(tmp_path / "out")["counts"]["val"] == 50
    assert not (tmp_path / "out" / "stray").exists()


# broken images


def test_a_broken_image_stops_the_stage_by_name_and_leaves_nothing(tmp_path):
    images_ = pictures(10)
    images_["train/c1/3.png"] = images_["train/c1/3.png"][:60]
    with pytest.raises(SightlineError, match=r"^train/c1/3.png is broken \(.+broken_images: skip"):
        preprocess(folder_raw(tmp_path, images_), tmp_path / "out", settings())
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]


def test_broken_images_are_skipped_by_name_and_the_rest_stays_in_place(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("sightline.data.preprocess._PIECE", 500)  # two rows a piece
    good = pictures(10)
    bad = {"train/c1/3.png", "train/c0/8.png", "test/c0/0.png"}
    spoilt = {name: b"spoilt" if name in bad else data for name, data in good.items()}
    wanted = settings(broken_images="skip", channels=3, val_size=0.2)
    preprocess(folder_raw(tmp_path / "spoilt", spoilt), tmp_path / "out", wanted)
    preprocess(folder_raw(tmp_path / "good", good), tmp_path / "all", wanted)
    meta = arrays.load_meta(tmp_path / "out")
    assert set(meta["skipped"]) == bad and all(name in caplog.text for name in bad)
    assert sum(meta["counts"].values()) == 17 and meta["counts"]["test"] == 9
    for split in arrays.SPLITS:
        (kept, labels), (whole, all_labels) = (
            arrays.load_split(tmp_path / where, split) for where in ("out", "all")
        )
        rows = [next(i for i, image in enumerate(whole) if (image == one).all()) for one in kept]
        assert rows == sorted(set(rows))
        assert np.array_equal(labels, all_labels[rows])


def test_a_split_of_broken_images_alone_is_an_error(tmp_path):
    images_ = {name: b"x" if "test" in name else data for name, data in pictures(10).items()}
    with pytest.raises(SightlineError, match="no whole image is left in test"):
        preprocess(folder_raw(tmp_path, images_), tmp_path / "out", settings(broken_images="skip"))


# one class, one image, none


def test_one_class_is_allowed_and_said(tmp_path, caplog):
    preprocess(folder_raw(tmp_path, pictures(10, classes=1)), tmp_path / "out", settings())
    assert arrays.load_meta(tmp_path / "out")["classes"] == ["c0"]
    assert "things has one class" in caplog.text


def test_one_image(tmp_path):
    raw = idx_raw(tmp_path, train=1, test=1)
    with pytest.raises(SightlineError, match="leaves val empty"):
        preprocess(raw, tmp_path / "out", settings())
    preprocess(raw, tmp_path / "out", settings(val_size=0))
    assert arrays.load_meta(tmp_path / "out")["counts"] == {"train": 1, "val": 0, "test": 1}


@pytest.mark.parametrize(("train", "test"), [(0, 5), (5, 0)])
def test_no_image(tmp_path, train, test):
    with pytest.raises(SightlineError, match=r"things: there is no (train|test) image"):
        preprocess(idx_raw(tmp_path, train, test), tmp_path / "out", settings())


def test_images_that_all_show_one_value(tmp_path):
    white = {name: png(np.full((4, 4), 255, np.uint8)) for name in pictures(10)}
    with pytest.raises(SightlineError, match="show the same single value"):
        preprocess(folder_raw(tmp_path, white), tmp_path / "out", settings())


@pytest.mark.parametrize("wrong", ["labels", "images"])
def test_labels_and_images_that_do_not_fit(tmp_path, wrong):
    raw = idx_raw(tmp_path)
    data = idx(np.arange(100) % 5) if wrong == "labels" else idx(np.zeros((99, 8, 8)))
    (raw / f"train-{wrong}.gz").write_bytes(data)
    said = json.loads((raw / "source.json").read_text())
    for file in said["files"]:
        file["size"] = (raw / file["name"]).stat().st_size
    (raw / "source.json").write_text(json.dumps(said))
    with pytest.raises(SightlineError, match=r"label 4 at place 4, but|100 labels for 99 images"):
        preprocess(raw, tmp_path / "out", settings())


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
from sightline.params import Dataset
try:
    preprocess(Path(sys.argv[1]), Path(sys.argv[2]), Dataset(100, 3, 0.1))
except SightlineError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("disk", ["small_disk", "read_only"])
def test_a_disk_that_is_full_or_read_only(tmp_path, request, disk):
    out = request.getfixturevalue(disk) / "things"
    command = [sys.executable, "-c", SCRIPT, str(idx_raw(tmp_path)), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done  # not -7: writing through a map to a full disk is SIGBUS
    assert str(out.parent) in done.stderr and "Traceback" not in done.stderr
    assert list(out.parent.iterdir()) == []
