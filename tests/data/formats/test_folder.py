"""Archives of class folders, in the shapes that people have them in."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from served import png

from sightline.data import image_files
from sightline.data.formats import folder
from sightline.errors import SightlineError


def decode(tmp_path, *names, classes=None, **options):
    """Decode PNGs, whatever their suffix, folders (a slash at the end) and texts (all others)."""
    files = {
        name: png(np.full((4, 4), number, np.uint8))
        if name.lower().endswith(("png", "jpeg", "jpg"))
        else b"text"
        for number, name in enumerate(names)
    }
    return folder.decode(pack(tmp_path / "images.tar", files), classes, **options)


def pack(path, files):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


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


@pytest.mark.faults
def test_what_is_no_image_is_left_out_and_counted(tmp_path):
    decoded = decode(tmp_path, *CLASSES, "README.md", "cat/.5.png", "__MACOSX/cat/6.png",
                     "cat/Thumbs.db", "cat/deeper/a.txt", "dog/old/")  # fmt: skip
    assert labels(decoded) == {"train": [1, 0, 1, 0]}
    assert decoded.left_out == {
        "empty": {"dog": 1},
        "hidden": {"cat": 1, "the top": 1},
        "not images by content": {"cat": 2, "the top": 1},
    }


@pytest.mark.faults
def test_content_decides_what_is_an_image(tmp_path):
    """By whatever ending, as `predict` has it; a text that begins like an image is none."""
    kinds = {"jfif": "JPEG", "jpe": "JPEG", "tif": "TIFF", "gif": "GIF", "ppm": "PPM"}
    given = {f"a/1.{ending}": kind for ending, kind in kinds.items()}
    given |= {"a/JPEG": "JPEG", "a/2.download": "WEBP", "a/3.img": "BMP", "a/4.dat": "AVIF"}
    texts = {"a/BM": b"BMW is a maker of cars", "a/P": b"Python", "a/P5": b"P5 is a magic number"}
    pixels = np.full((9, 9, 3), 99, np.uint8)
    files = {name: png(pixels, kind=kind) for name, kind in given.items()} | texts
    files["a/eps"] = png(pixels, kind="EPS")  # PIL starts Ghostscript for it
    decoded = folder.decode(pack(tmp_path / "images.tar", files), None)
    items = list(decoded.items())
    assert [item.name for item in items] == list(given)
    for item in items:
        assert np.abs(image_files.read(item.image, 9, 3).astype(int) - 99).max() < 3
    assert decoded.left_out == {"not images by content": {"a": 4}}


@pytest.mark.faults
def test_what_is_named_like_an_image_is_one_though_broken(tmp_path):
    decoded = folder.decode(pack(tmp_path / "images.tar", {"a/1.JPG": b"", "a/2.Tif": b"x"}), None)
    assert labels(decoded) == {"train": [0, 0]}


@pytest.mark.faults
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*CLASSES, "bird/"], "bird holds no image: put images there, take the folder away, or"),
        ([*CLASSES, "bird/a.txt", "bird/b.heic", "bird/.c.png"],
         r"bird holds no image \(hidden: 1, not images by content: 2\)"),
        ([*SPLITS, "test/cat/"], "test/cat holds no image"),
        ([*SPLITS, "train/bird/old/"], "train/bird holds no image"),
        ([f"pets/{name}" for name in CLASSES] + ["papers/a.txt"], "papers holds no image"),
    ],
)  # fmt: skip
def test_a_class_without_images_is_an_error_unless_the_entry_lists_it(tmp_path, names, message):
    with pytest.raises(SightlineError, match=message):
        decode(tmp_path, *names)
    decoded = decode(tmp_path, *names, without_images=["bird", "cat", "papers"])
    assert decoded.classes == ["cat", "dog"] and decoded.left_out


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.faults
def test_a_zip_made_on_windows(tmp_path):
    pixels = png(np.zeros((4, 4), np.uint8))
    files = {"pets\\": b"", "pets\\cat\\1.png": pixels, "pets\\dog\\2.png": pixels}
    decoded = folder.decode(zipped(tmp_path / "a.zip", files), None)
    assert decoded.classes == ["cat", "dog"] and decoded.left_out == {}
    assert [item.name for item in decoded.items()] == ["pets/cat/1.png", "pets/dog/2.png"]
    with pytest.raises(SightlineError, match="bird holds no image"):
        folder.decode(zipped(tmp_path / "a.zip", {**files, "pets\\bird\\": b""}), None)


@pytest.mark.faults
def test_names_that_are_no_utf8_are_spelled_out(tmp_path):
    pixels = png(np.zeros((4, 4), np.uint8))
    names = ["caf\udce9/1\udcff.png", "a/2.png"]
    path = pack(tmp_path / "images.tar", dict.fromkeys(names, pixels))
    path_of_zip = zipped(tmp_path / "a.zip", {"cafE/1F.png": pixels, "a/2.png": pixels})
    data = path_of_zip.read_bytes()
    path_of_zip.write_bytes(data.replace(b"cafE/1F.png", b"caf\xe9/1\xff.png"))
    for archive in (path, path_of_zip):
        decoded = folder.decode(archive, {"caf\\xe9": "coffee"})
        assert decoded.classes == ["a", "coffee"]
        assert {item.name for item in decoded.items()} == {"caf\\xe9/1\\xff.png", "a/2.png"}


@pytest.mark.faults
def test_names_in_a_zip_that_are_utf8_without_the_flag_are_read_as_such(tmp_path):
    """So macOS and older programs of Linux write them; zipfile would say `caf├⌐`."""
    path = zipped(tmp_path / "a.zip", {"cafEE/1.png": png(np.zeros((4, 4), np.uint8))})
    path.write_bytes(path.read_bytes().replace(b"cafEE", "café".encode()))
    assert folder.decode(path, None).classes == ["café"]


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
        (("cat/notes.txt",), r"holds no image \(not images by content: 1\)"),
        (("1.png", "cat/2.png"), "an image at the top lies outside of any class folder"),
        (("train/1.png", "test/2.png"), "train holds no class folder with images"),
        ((*SPLITS, "extra/cat/4.png"), "'extra' stands beside 'train'"),
        ((*SPLITS, "test/bird/4.png"), "class 'bird' stands in test, but not in train"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, names, message):
    with pytest.raises(SightlineError, match=message):
        decode(tmp_path, *names)
