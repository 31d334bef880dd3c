"""Both stages, one after the other: on a folder of images, and on the real data of the mirror."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from served import png
from support import PROJECT

from sightline.data import arrays
from sightline.data.fetch import download
from sightline.data.preprocess import preprocess
from sightline.errors import SightlineError
from sightline.layout import SPLITS, Layout
from sightline.settings.params import Dataset


@pytest.mark.parametrize("module", ["sightline.data.fetch", "sightline.data.preprocess"])
def test_what_costs_seconds_is_imported_where_it_is_needed(module):
    code = (
        f"import sys, {module}\n"
        "print(*({'torch', 'torchvision', 'requests', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.fixture
def pets(tmp_path):
    """A folder of 20 cats and 20 dogs."""
    rng = np.random.RandomState(0)
    for n in range(40):
        path = tmp_path / "pets" / ("cat" if n % 2 else "dog") / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(rng.randint(0, 256, (20, 30, 3)).astype(np.uint8)))
    return tmp_path / "pets"


@pytest.fixture
def both_stages(catalogue, tmp_path):
    """Download and preprocess a folder; return meta.json."""

    def run(folder, **entry):
        file = {"name": "pets.tar", "role": "images", "urls": [f"file://{folder}"]}
        path = catalogue("pets", real=True, files=[file], **entry)
        layout = Layout(tmp_path)
        raw, processed = layout.raw("pets"), layout.processed("pets")
        download(path, raw, layout.state.downloads)
        preprocess(raw, processed, Dataset(16, 3, 0.1, test_size=0.2))
        return arrays.load_meta(processed)

    return run


def test_a_folder_of_ones_own_goes_through_both_stages(pets, both_stages):
    meta = both_stages(pets)
    assert meta["classes"] == ["cat", "dog"]
    assert meta["counts"] == {"train": 29, "val": 3, "test": 8}


@pytest.mark.faults
def test_both_stages_end_with_what_they_made(pets, both_stages, caplog):
    caplog.set_level("INFO")
    both_stages(pets)
    brought, made = caplog.messages[-2:]
    assert re.fullmatch(r"pets: 1 file, 0\.\d MB, checked, in .*data/raw/pets", brought)
    assert re.fullmatch(r"pets: \d+ train, \d+ val, \d+ test images, in .*processed/pets", made)


def test_every_file_and_folder_is_in_the_data_or_counted(pets, both_stages, caplog):
    (pets / "bird").mkdir()
    (pets / "bird" / "1.png").symlink_to(pets / "gone")
    with pytest.raises(SightlineError, match=r"bird holds no image \(links that lead nowhere: 1\)"):
        both_stages(pets)
    (pets / "cat" / "1.png").rename(pets / "cat" / "1.jfif")
    (pets / "dog").rename(pets / "d\udcf6g")
    meta = both_stages(pets, without_images=["bird"])
    assert meta["classes"] == ["cat", "d\\xf6g"] and sum(meta["counts"].values()) == 40
    assert meta["left_out"] == {"links that lead nowhere": {"bird": 1}}
    assert caplog.messages[-1] == "pets: 1 file of bird: links that lead nowhere"


MIRROR = {
    "mnist": (28, 1, {"train": 54000, "val": 6000, "test": 10000}, 10),
    "fashion-mnist": (28, 1, {"train": 54000, "val": 6000, "test": 10000}, 10),
    "cifar10": (32, 3, {"train": 45000, "val": 5000, "test": 10000}, 10),
    "cifar100": (32, 3, {"train": 2700, "val": 300, "test": 1000}, 100),
    "imagenet": (64, 3, {"train": 900, "val": 100, "test": 400}, 10),
    "imagenet-ilsvrc": (64, 3, {"train": 315, "val": 35, "test": 100}, 10),
}


@pytest.mark.mirror
@pytest.mark.skipif(not os.environ.get("SIGHTLINE_MIRROR"), reason="SIGHTLINE_MIRROR is not set")
@pytest.mark.parametrize("name", MIRROR)
def test_the_real_data_of_the_mirror(name, tmp_path):
    size, channels, counts, classes = MIRROR[name]
    layout = Layout(tmp_path)
    raw, processed = layout.raw(name), layout.processed(name)
    download(Layout(PROJECT).catalogue("mirror"), raw, layout.state.downloads)
    preprocess(raw, processed, Dataset(size, channels, 0.1))
    meta = arrays.load_meta(processed)
    assert meta["real"] is True and meta["counts"] == counts and len(meta["classes"]) == classes
    for split in SPLITS:
        labels = arrays.load_split(processed, split)[1]
        per_class = np.bincount(labels, minlength=classes)
        assert per_class.min() > 0
        if name not in ("mnist",):  # the others are balanced, and carving keeps them so
            assert per_class.max() - per_class.min() <= 1
    if name == "mnist":  # known of the whole official set: mean 0.1307, std 0.3081
        assert meta["mean"] == pytest.approx([0.1307], abs=2e-4)
        assert meta["std"] == pytest.approx([0.3081], abs=2e-4)
        test = np.bincount(arrays.load_split(processed, "test")[1]).tolist()
        assert test == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    if name.startswith("imagenet"):
        assert meta["classes"][0] == "tench" and meta["classes"][-1] == "parachute"
