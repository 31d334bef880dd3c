"""The stage `export`: the same file every time, or no file and a line that says why."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import sightline
from sightline.errors import SightlineError
from sightline.export.export import export
from sightline.files import write_json
from sightline.networks import layers


def test_export_json_holds_flat_figures_of_all_of_test(layout):
    figures = json.loads(layout.model("gru").export.read_text())
    assert all(isinstance(value, int | float) for value in figures.values())
    metrics = json.loads(layout.results("gru").figures.read_text())
    assert figures["images"] == 60
    assert figures["top1_torch"] == figures["top1_onnxruntime"] == metrics["test"]["top1"]
    assert figures["near_ties"] == 0
    assert 0 <= figures["max_relative_difference_logits"] < 1e-4
    assert figures["bytes"] == layout.model("gru").onnx.stat().st_size


def test_same_weights_same_bytes_in_another_process_with_its_code_elsewhere(copy, tmp_path):
    name = "lstm-deep"
    outs = copy.outs(name)["export"]
    paths = [path for out in outs for path in (out.iterdir() if out.is_dir() else [out])]
    assert copy.model(name).lengths_onnx in paths
    before = {path: path.read_bytes() for path in paths}
    source = tmp_path / "elsewhere"
    shutil.copytree(Path(sightline.__file__).parent, source / "sightline")
    moved = source / "sightline" / "networks" / "layers.py"
    moved.write_text("# a comment moves every line\n" + moved.read_text())
    subprocess.run(
        [sys.executable, "-m", "sightline.cli", "export", name],
        cwd=copy.root,
        env=os.environ | {"PYTHONPATH": str(source)},
        check=True,
        capture_output=True,
    )
    assert {path: path.read_bytes() for path in before} == before


@dataclass(frozen=True)
class NoSettings:
    """A user's network without settings."""


class FrozenBatch(layers.Network):
    """The mistake that an exporter does not see: a batch size turned into a number."""

    def __init__(self, settings, shape, outputs):
        super().__init__(shape, outputs, 4)

    def features(self, images, lengths=None):
        offset = torch.zeros(int(images.shape[0]), 4)
        return images.flatten(1)[:, :4] + offset


def test_failing_export_stops_with_a_line_and_leaves_no_model(copy, monkeypatch):
    network = ModuleType("sightline.networks.frozen")
    network.Settings, network.Network = NoSettings, FrozenBatch
    monkeypatch.setitem(sys.modules, "sightline.networks.frozen", network)
    files, trained = copy.model("mlp"), copy.trained("mlp")
    description = json.loads(trained.description.read_text())
    description |= {"network": "frozen", "recipe": {**description["recipe"], "network": {}}}
    write_json(trained.description, description)
    weights = FrozenBatch(NoSettings(), description["shape"], 3).state_dict()
    torch.save(weights, trained.weights)
    assert files.onnx.exists()
    with pytest.raises(SightlineError, match=r"model\.onnx was not written: ") as raised:
        export("mlp", copy)
    assert "\n" not in str(raised.value)
    assert not list(files.path.rglob("*.onnx*")) and not files.unchecked.path.exists()


def test_export_without_metrics_names_the_stage_to_run(copy):
    copy.results("mlp").figures.unlink()
    with pytest.raises(SightlineError, match="dvc repro evaluate@mlp"):
        export("mlp", copy)


def test_export_needs_test_images(copy):
    for kind in ("images", "labels"):
        path = getattr(copy.processed("bars"), kind)("test")
        np.save(path, np.load(path)[:0])
    with pytest.raises(SightlineError, match="the test split is empty"):
        export("mlp", copy)
