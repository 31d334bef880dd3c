"""ILSVRC's official shape: tar of tars, flat val, and what val shows, from a list or the devkit."""

import io
import tarfile

import numpy as np
import pytest
from scipy.io import savemat
from served import png

from sightline.data.formats import imagenet
from sightline.errors import SightlineError

SYNSETS = ("n02", "n01", "n03")


def pack(path, files, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def image(value):
    return png(np.full((8, 8, 3), value, np.uint8), kind="JPEG")


@pytest.fixture
def paths(tmp_path):
    tars = {
        f"{synset}.tar": pack(
            tmp_path / "inner.tar", {f"{synset}_{n}.JPEG": image(n) for n in range(2)}
        ).read_bytes()
        for synset in SYNSETS
    }
    val = {f"ILSVRC2012_val_0000000{n}.JPEG": image(n) for n in (2, 1, 3)}
    (tmp_path / "synsets.txt").write_text(
        "".join(f"ILSVRC2012_val_0000000{n}.JPEG {SYNSETS[n - 1]}\n" for n in (1, 2, 3))
    )
    return {
        "train": pack(tmp_path / "train.tar", tars),
        "val": pack(tmp_path / "val.tar", val),
        "val-synsets": tmp_path / "synsets.txt",
    }


@pytest.fixture
def devkit(paths, tmp_path):
    """The devkit's shape: leaves in a numbering of their own, then inner nodes, and the truth."""
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("num_children", "O")]
    nodes = [(1, "n03", "crane", 0), (2, "n01", "crane, bird", 0), (3, "n02", "tench, Tinca", 0)]
    synsets = np.array([*nodes, (4, "n99", "entity", 3)], kinds)
    mat = io.BytesIO()
    savemat(mat, {"synsets": synsets})
    path = pack(
        tmp_path / "devkit.tar.gz",
        {
            "ILSVRC2012_devkit_t12/data/meta.mat": mat.getvalue(),
            "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt": b"3\n2\n1\n",
        },
        "w:gz",
    )
    return {"train": paths["train"], "val": paths["val"], "devkit": path}


def test_a_list_of_synsets(paths, caplog):
    decoded = imagenet.decode(paths, {"n01": "tench"})
    assert decoded.classes == ["tench", "n02", "n03"]
    assert decoded.labels["train"].tolist() == [1, 1, 0, 0, 2, 2]
    assert decoded.labels["test"].tolist() == [0, 1, 2]  # the archive's order: 2, 1, 3
    assert [item.name for item in decoded.items()][4:8] == [
        "n03.tar/n03_0.JPEG",
        "n03.tar/n03_1.JPEG",
        "ILSVRC2012_val_00000002.JPEG",
        "ILSVRC2012_val_00000001.JPEG",
    ]


def test_without_names_classes_bear_their_ids_with_a_warning(paths, caplog):
    assert imagenet.decode(paths, None).classes == ["n01", "n02", "n03"]
    assert "classes bear their ids" in caplog.text


def test_the_devkit_gives_truth_and_names(devkit):
    decoded = imagenet.decode(devkit, None)
    assert decoded.classes == ["crane (n01)", "tench", "crane (n03)"]
    assert decoded.labels["test"].tolist() == [0, 1, 2]


def test_what_is_wrong_is_named(paths, devkit, tmp_path):
    with pytest.raises(SightlineError, match="not the devkit of ILSVRC2012"):
        imagenet.decode({**devkit, "devkit": paths["val"]}, None)
    pack(tmp_path / "more.tar", {f"{n}.JPEG": image(n) for n in range(4)})
    with pytest.raises(SightlineError, match="4 images, the devkit knows 3"):
        imagenet.decode({**devkit, "val": tmp_path / "more.tar"}, None)
    with pytest.raises(SightlineError, match=r"no line for 0.JPEG"):
        imagenet.decode({**paths, "val": tmp_path / "more.tar"}, None)
    with pytest.raises(SightlineError, match="a tar of tars was expected"):
        imagenet.decode({**paths, "train": paths["val"]}, None)
    paths["val-synsets"].write_text("a.JPEG\n")
    with pytest.raises(SightlineError, match=r"line 1 is not `FILE SYNSET`: 'a.JPEG'"):
        imagenet.decode(paths, None)


@pytest.mark.faults
def test_what_is_no_image_is_counted_and_a_synset_without_images_is_an_error(paths, tmp_path):
    empty = pack(tmp_path / "inner.tar", {"README": b"text"}).read_bytes()
    synset = pack(tmp_path / "inner.tar", {"1": image(1), "2.JPEG": image(2), "a": b"x"})
    tars = {"n01.tar": synset.read_bytes(), "n02.tar": empty}
    paths["train"] = pack(tmp_path / "train.tar", tars)
    paths["val"] = pack(tmp_path / "val.tar", {"1.JPEG": image(1), "README": b"text"})
    paths["val-synsets"].write_text("1.JPEG n01\n")
    with pytest.raises(SightlineError, match=r"n02.tar holds no image \(not images by content: 1"):
        imagenet.decode(paths, None)
    decoded = imagenet.decode(paths, None, ["n02.tar"])
    assert decoded.labels["train"].tolist() == [0, 0] and len(list(decoded.items())) == 3
    assert decoded.left_out == {"not images by content": {"n01": 1, "n02.tar": 1, "val": 1}}


def test_a_val_image_of_a_class_that_train_lacks(paths):
    lines = paths["val-synsets"].read_text().replace("n03", "n77")
    paths["val-synsets"].write_text(lines)
    with pytest.raises(SightlineError, match="class 'n77' stands in val, but not in train"):
        imagenet.decode(paths, None)
