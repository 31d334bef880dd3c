"""Both stages as DVC calls them: the code they depend on, and the real data of the mirror."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from served import png

from sightline.data import arrays
from sightline.data.fetch import download
from sightline.data.preprocess import preprocess
from sightline.settings.params import Dataset

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
before = set(sys.modules)
from {module} import {function}
print(*(name for name in set(sys.modules) - before if name.startswith("sightline.data.")))
print(*(name for name in ("torch", "torchvision", "requests", "scipy") if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("function", "module"),
    [("download", "sightline.data.fetch"), ("preprocess", "sightline.data.preprocess")],
)
def test_each_stage_depends_on_the_code_that_it_uses(function, module):
    command = [sys.executable, "-c", SCRIPT.format(module=module, function=function)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    used, heavy = (line.split() for line in done.stdout.splitlines())
    named = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][function]["do"]["deps"]
    named = {Path(dep).stem for dep in named if dep.startswith("src/")}
    assert named == {name.rsplit(".", 1)[1] for name in used}
    assert heavy == []  # each is imported where it is needed, and not before


def test_a_folder_of_ones_own_goes_through_both_stages(catalogue, tmp_path):
    rng = np.random.RandomState(0)
    for n in range(40):
        path = tmp_path / "pets" / ("cat" if n % 2 else "dog") / f"{n}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(rng.randint(0, 256, (20, 30, 3)).astype(np.uint8)))
    file = {"name": "pets.tar", "role": "images", "urls": [f"file://{tmp_path}/pets"]}
    path = catalogue("pets", real=True, files=[file])
    download(path, "pets", tmp_path / "raw" / "pets", tmp_path / "parts")
    preprocess(tmp_path / "raw" / "pets", tmp_path / "out", Dataset(16, 3, 0.1, test_size=0.2))
    meta = arrays.load_meta(tmp_path / "out")
    assert meta["classes"] == ["cat", "dog"]
    assert meta["counts"] == {"train": 29, "val": 3, "test": 8}


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
    raw, out = tmp_path / "raw" / name, tmp_path / "processed" / name
    download(ROOT / "data/catalogues/mirror.yaml", name, raw, tmp_path / "parts")
    preprocess(raw, out, Dataset(size, channels, 0.1))
    meta = arrays.load_meta(out)
    assert meta["real"] is True and meta["counts"] == counts and len(meta["classes"]) == classes
    for split in arrays.SPLITS:
        labels = arrays.load_split(out, split)[1]
        per_class = np.bincount(labels, minlength=classes)
        assert per_class.min() > 0
        if name not in ("mnist",):  # the others are balanced, and carving keeps them so
            assert per_class.max() - per_class.min() <= 1
    if name == "mnist":  # known of the whole official set: mean 0.1307, std 0.3081
        assert meta["mean"] == pytest.approx([0.1307], abs=2e-4)
        assert meta["std"] == pytest.approx([0.3081], abs=2e-4)
        test = json.dumps(np.bincount(arrays.load_split(out, "test")[1]).tolist())
        assert test == "[980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]"
    if name.startswith("imagenet"):
        assert meta["classes"][0] == "tench" and meta["classes"][-1] == "parachute"
