"""evaluate and insight on a device that is not the CPU: every batch goes there and comes back."""

import os
import subprocess
import sys

import pytest
import torch
from exported import trained
from support import PROJECT

from sightline.evaluation.evaluate import evaluate
from sightline.files import read_json
from sightline.insight.insight import insight

NAMES = ["mlp", "cnn", "cnn-rotation", "irnn"]  # torch's fused cells of LSTM and GRU are CUDA's own


def test_what_another_device_computes_is_what_the_cpu_does(tmp_path):
    layout = trained(tmp_path, *NAMES)
    folder = tmp_path / "reports"
    for name in NAMES:
        evaluate(name, layout, "flip-translate")
        insight(name, layout)
    here = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    program = [sys.executable, PROJECT / "tests" / "elsewhere.py", tmp_path, *NAMES]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(program, check=True, env=environment)
    for path, content in here.items():
        assert path.read_bytes() == content, path


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("name", [*NAMES, "lstm-deep", "gru-pixels", "lstm-next-row"])
def test_a_gpu_gives_the_figures_of_the_cpu(tmp_path, name):
    layout = trained(tmp_path, name)
    on_cpu = read_json(layout.results(name).figures, "")
    evaluate(name, layout, device="cuda")
    insight(name, layout, device="cuda")
    on_gpu = read_json(layout.results(name).figures, "")
    for split in ("val", "test"):
        assert on_gpu.pop(split) == pytest.approx(on_cpu.pop(split), rel=1e-3, abs=1e-3)
    assert on_gpu == on_cpu
    assert layout.results(name).insight.picture("occlusion").exists()
