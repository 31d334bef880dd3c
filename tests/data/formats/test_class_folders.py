"""Splits and classes, by whatever names people give them; what is doubtful is refused by name."""

import io
import tarfile

import numpy as np
import pytest
from served import png

from sightline.data.formats import folder
from sightline.errors import SightlineError

pytestmark = pytest.mark.faults
PIXELS = png(np.zeros((4, 4), np.uint8))


def decode(tmp_path, *names):
    """Decode a tar of images and, where a name ends in a slash, folders."""
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            info.size = 0 if name.endswith("/") else len(PIXELS)
            tar.addfile(info, io.BytesIO(PIXELS))
    return folder.decode(path, None)


def counts(decoded):
    return {split: len(labels) for split, labels in decoded.labels.items()}


def both(*splits, around=""):
    return [f"{around}{split}/{class_}/1.png" for split in splits for class_ in ("cat", "dog")]


@pytest.mark.parametrize("around", ["", "pets/", "my/own/pets/"])
@pytest.mark.parametrize(
    ("train", "held_out"),
    [
        *[("Training", "Testing"), ("Train", "Test"), ("TRAIN", "VAL"), ("train", "valid")],
        *[("train", "validation"), ("train", "dev"), ("training", "Valid")],
    ],
)
def test_splits_by_their_usual_names_in_any_case(tmp_path, around, train, held_out):
    decoded = decode(tmp_path, *both(train, held_out, around=around))
    assert decoded.classes == ["cat", "dog"]
    assert counts(decoded) == {"train": 2, "test": 2}


def test_three_splits_by_other_names(tmp_path):
    decoded = decode(tmp_path, *both("Training", "Validation", "Testing"))
    assert counts(decoded) == {"train": 2, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (both("val", "test"), "'val' in the top looks like a split, but there is no train"),
        (both("test"), "'test' in the top looks like a split, but there is no train"),
        (both("pets/val", "pets/test"), "'val' in pets looks like a split"),
        (both("train_set", "test_set"), "'test_set' stands beside 'train_set' in the top"),
        (both("TrainData", "TestData"), "'TestData' stands beside 'TrainData'"),
        (both("train2017", "val2017"), "'val2017' stands beside 'train2017'"),
        (both("train", "holdout"), "'holdout' stands beside 'train'"),
        (both("Training", "extra"), "'extra' stands beside 'Training'"),
        (both("train", "Train", "test"), "'train' and 'Train' in the top both mean train"),
        (both("train", "val", "dev"), "'val' and 'dev' in the top both mean val"),
        (["cat/1.png", "dog/1.png", "test/1.png"], "'cat' stands beside 'test'"),
        (["cat/1.png", "dog/1.png", *both("test")], "'cat' stands beside 'test'"),
        (["train_1/1.png", "test_1/1.png"], "'test_1' stands beside 'train_1'"),
        ([*both("train"), "test/1.png"], "test holds no class folder with images"),
        ([*both("train"), "test/"], "test holds no class folder with images"),
        (both("cat/train", "cat/test", "dog/train"), r"cat holds splits \(test, train\)"),
        ([*both("train/train", "train/test"), *both("test")], r"train holds splits"),
    ],
)
def test_what_only_looks_like_a_split_is_refused_by_name(tmp_path, names, message):
    with pytest.raises(SightlineError, match=message):
        decode(tmp_path, *names)


@pytest.mark.parametrize(
    "classes",
    [
        *[("bus", "car", "Train"), ("invalid", "valid"), ("test strip", "test tube")],
        *[("bus", "train station"), ("device", "valley")],
    ],
)
def test_classes_that_are_called_like_splits(tmp_path, classes):
    decoded = decode(tmp_path, *(f"{class_}/{n}.png" for class_ in classes for n in range(2)))
    assert decoded.classes == sorted(classes)
    assert counts(decoded) == {"train": 2 * len(classes)}


def test_an_outer_folder_may_be_called_like_a_split(tmp_path):
    for around in ("dev/", "train/", "pets_training/"):
        decoded = decode(tmp_path, *both("train", "test", around=around))
        assert counts(decoded) == {"train": 2, "test": 2}


def test_an_outer_folder_inside_of_each_split(tmp_path):
    decoded = decode(tmp_path, *both("train/pets", "test/pets"))
    assert decoded.classes == ["cat", "dog"]


@pytest.mark.parametrize(
    ("stray", "at"), [("cover.png", "the top"), ("my/1.png", "my"), ("my/pets/1.png", "my/pets")]
)
def test_a_stray_picture_changes_nothing_and_is_counted(tmp_path, stray, at):
    decoded = decode(tmp_path, stray, *both("my/pets"))
    assert decoded.classes == ["cat", "dog"] and counts(decoded) == {"train": 2}
    assert [item.name for item in decoded.items()] == both("my/pets")
    assert decoded.left_out == {"outside of the class folders": {at: 1}}
    decoded = decode(tmp_path, stray, *both("my/pets/train", "my/pets/test"))
    assert counts(decoded) == {"train": 2, "test": 2}
    assert decoded.left_out == {"outside of the class folders": {at: 1}}


def test_a_split_may_hold_a_stray_picture_too(tmp_path):
    decoded = decode(tmp_path, "train/1.png", *both("train", "test"))
    assert counts(decoded) == {"train": 2, "test": 2}
    assert decoded.left_out == {"outside of the class folders": {"train": 1}}


@pytest.mark.parametrize("around", ["", "cells/", "train/"])
def test_a_copy_of_the_dataset_inside_of_itself_is_refused(tmp_path, around):
    beside = both("test") if around == "train/" else []
    with pytest.raises(SightlineError, match=f"{around}cells/cat bears the name of another class"):
        decode(tmp_path, *(f"{around}{class_}/1.png" for class_ in ("cat", "dog")),
               *both("cells", around=around), *beside)  # fmt: skip
