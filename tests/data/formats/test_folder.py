"""Archives of class folders, in the shapes that people have them in."""

import io
import tarfile

import numpy as np
import pytest
from served import png

from sightline.data.formats import folder
from sightline.errors import SightlineError


def decode(tmp_path, *names, classes=None):
    path = tmp_path / "images.tar"
    with tarfile.open(path, "w") as tar:
        for number, name in enumerate(names):
            data = png(np.full((4, 4), number, np.uint8))
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return folder.decode(path, classes)


CLASSES = ("dog/1.png", "cat/2.PNG", "dog/3.jpeg", "cat/deeper/4.jpg")
SPLITS = ("train/cat/1.png", "train/dog/2.png", "test/dog/3.png")


def labels(decoded):
    return {split: array.tolist() for split, array in decoded.labels.items()}


@pytest.mark.parametrize("around", ["", "pets/", "./", "my/pets/"])
def test_class_folders_alone_or_inside_one_folder(tmp_path, around):
    decoded = decode(tmp_path, *(around + name for name in CLASSES))
    assert decoded.classes == ["cat", "dog"]
    assert labels(decoded) == {"train": [1, 0, 1, 0]}


@pytest.mark.parametrize("around", ["", "pets/"])
def test_split_folders(tmp_path, around):
    decoded = decode(tmp_path, *(around + name for name in SPLITS))
    assert labels(decoded) == {"train": [0, 1], "test": [1]}


def test_a_publishers_val_is_our_test_where_there_is_no_test(tmp_path):
    decoded = decode(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/dog/3.png")
    assert labels(decoded) == {"train": [0, 1], "test": [1]}
    decoded = decode(tmp_path, *SPLITS, "val/cat/4.png")
    assert labels(decoded) == {"train": [0, 1], "test": [1], "val": [0]}


def test_every_image_is_yielded_at_its_row(tmp_path):
    decoded = decode(tmp_path, "train/cat/1.png", "test/cat/2.png", "train/dog/3.png")
    assert [item[:3] for item in decoded.items()] == [
        ("train", 0, "train/cat/1.png"),
        ("test", 0, "test/cat/2.png"),
        ("train", 1, "train/dog/3.png"),
    ]


def test_what_is_no_image_is_left_out(tmp_path):
    decoded = decode(tmp_path, *CLASSES, "README.md", "cat/.5.png", "__MACOSX/cat/6.png",
                     "cat/Thumbs.db")  # fmt: skip
    assert labels(decoded) == {"train": [1, 0, 1, 0]}


def test_a_class_may_be_called_train(tmp_path):
    decoded = decode(tmp_path, "bus/1.png", "car/2.png", "train/3.png")
    assert decoded.classes == ["bus", "car", "train"]


def test_one_class(tmp_path):
    assert decode(tmp_path, "cat/1.png", "cat/2.png").classes == ["cat"]
    assert decode(tmp_path, "pets/cat/1.png", "pets/cat/2.png").classes == ["cat"]


def test_readable_names(tmp_path):
    decoded = decode(tmp_path, *CLASSES, classes={"cat": "house cat"})
    assert decoded.classes == ["house cat", "dog"]
    decoded = decode(tmp_path, *CLASSES, classes={"cat": "pet", "dog": "pet"})
    assert decoded.classes == ["pet (cat)", "pet (dog)"]
    with pytest.raises(SightlineError, match="names class 'cta', it has no folder"):
        decode(tmp_path, *CLASSES, classes={"cta": "house cat"})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "images.tar.* (holds no image|is damaged|neither)"),
        (("cat/notes.txt",), r"holds no image \(.jpg"),
        (("1.png", "cat/2.png"), "an image at the top lies outside of any class folder"),
        (("train/1.png", "train/cat/2.png", "test/cat/3.png"), "an image at train lies outside"),
        ((*SPLITS, "extra/cat/4.png"), "'extra' stands beside train"),
        ((*SPLITS, "test/bird/4.png"), "class 'bird' stands in test, but not in train"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, names, message):
    with pytest.raises(SightlineError, match=message):
        decode(tmp_path, *names)
