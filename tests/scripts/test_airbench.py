"""scripts/airbench.py: airbench's net and ours, in turn; here on the CPU, and small."""

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import PROJECT, run_script, write_workspace

from sightline.layout import Layout
from sightline.settings import params

RECIPE = {
    "epochs": 4,
    "batch_size": 24,
    "optimizer": {
        "name": "muon",
        "learning_rate": 0.24,
        "momentum": 0.6,
        "biases": {"learning_rate": 1.3, "momentum": 0.85},
        "head": {"learning_rate": 0.06, "momentum": 0.85},
    },
    "schedule": {"name": "linear"},
    "frozen_after": {"whiten": 3},
    "network": {"widths": [8, 16, 16], "activation": "gelu", "norm_scale": False, "whiten": 2},
}


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    models, recipes = {"cnn": "record-cifar10-gpu"}, {"record-cifar10-gpu": RECIPE}
    write_workspace(tmp_path, "cifar10", models, recipes, size=32, channels=3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def airbench(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    module = importlib.import_module("airbench")
    for name, value in {"WIDTHS": (8, 16, 16), "BATCH": 24, "EPOCHS": 4, "WHITENED": 100}.items():
        monkeypatch.setattr(module, name, value)
    return module


def without_val(folder: Path) -> None:
    for kind in ("images", "labels"):
        path = folder / f"val.{kind}.npy"
        np.save(path, np.load(path)[:0])
    meta = json.loads((folder / "meta.json").read_text())
    meta["counts"] = meta["counts"] | {"val": 0}
    (folder / "meta.json").write_text(json.dumps(meta))


def test_both_learn_in_turn(workspace, airbench, capsys):
    without_val(workspace / "data" / "processed" / "cifar10")
    settings = params.load(Layout())
    airbench.compare(settings, replace(settings.compute, device="cpu", threads=1), 1, Layout())
    lines = capsys.readouterr().out.splitlines()
    runs = [re.fullmatch(r"seed (-?\d), (.+): ([\d.]+)%, [\d.]+ s", line) for line in lines[1:5]]
    names = ["airbench", "record-cifar10-gpu"]
    assert [match.group(1, 2) for match in runs] == [
        (s, name) for s in ("-1", "0") for name in names
    ]
    assert all(float(match[3]) > 80 for match in runs)
    assert [line.split(":")[0] for line in lines[5:7]] == names
    assert re.fullmatch(r"ours takes [\d.]+ of airbench's seconds", lines[7])


def test_images_held_back_are_refused(workspace, airbench):
    settings = params.load(Layout())
    with pytest.raises(airbench.SightlineError, match=r"holds 40 train images back as val.*to 0"):
        airbench.compare(settings, replace(settings.compute, device="cpu"), 1, Layout())


def test_every_image_is_moved_and_every_other_epoch_mirrors_it(airbench):
    images = torch.rand(50, 3, 6, 6)
    windows = airbench.shifted(images)
    assert windows.shape == (50, 3, 5, 5, 6, 6)
    centre = windows[:, :, 2, 2]
    plain = (centre == images).flatten(1).all(1)
    mirrored = (centre == images.flip(3)).flatten(1).all(1)
    assert (plain ^ mirrored).all() and 10 < plain.sum() < 40
    torch.manual_seed(0)
    moved = airbench.drawn(windows, mirror=False)
    torch.manual_seed(0)
    assert torch.equal(airbench.drawn(windows, mirror=True), moved.flip(3))
    # inside, where no border is mirrored, a moved image is a part of the image
    matches = (windows == moved.view(50, 3, 1, 1, 6, 6)).flatten(4).all(4).all(1)
    assert (matches.flatten(1).sum(1) == 1).all() and matches.any(0).sum() > 15


def test_without_a_gpu_there_is_nothing_to_compare(workspace):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    done = run_script("airbench.py", workspace)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr.startswith("airbench: torch sees no CUDA device here")
