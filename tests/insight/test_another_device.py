"""evaluate and insight on a device that is not the CPU: every batch goes there and comes back."""

import os
import subprocess
import sys

from exported import trained
from support import PROJECT

from sightline.evaluation.evaluate import evaluate
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
