"""No command reports to the makers of the libraries that it uses, and a person may have it so."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import measurable
import numpy as np
import pytest
from PIL import Image
from support import PROJECT

SWITCHES = ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run Python as somebody does who never set any switch."""
    environment = {key: value for key, value in os.environ.items() if key not in SWITCHES}
    environment |= {"PYTHONPATH": str(PROJECT / "src"), **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A workspace with one exported model and a picture."""
    root = tmp_path_factory.mktemp("telemetry") / "workspace"
    measurable.make(root, "mlp")
    Image.fromarray(np.zeros((12, 12), np.uint8)).save(root / "image.png")
    np.save(root / "images.npy", np.zeros((1, 12, 12, 1), np.uint8))
    return root


@pytest.mark.faults
@pytest.mark.parametrize(
    "command",
    [
        "sightline.cli predict models/mlp/model.onnx image.png",
        "sightline.benchmark.cold models/mlp/model.onnx CPUExecutionProvider 1 1 images.npy",
        "sightline.cli validate",
        "sightline.cli compare",
    ],
)
def test_a_command_leaves_nothing_in_the_home_of_its_user(workspace, tmp_path, command):
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    # the catalogue of the workspace is empty
    folder = PROJECT if "validate" in command else workspace
    done = python(folder, "-m", *command.split(), **home)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.faults
def test_what_a_person_has_set_stays(tmp_path):
    code = f"import os, sightline; print(*(os.environ[name] for name in {SWITCHES}))"
    assert python(tmp_path, "-c", code).stdout.split() == ["1", "1", "1"]
    own = python(tmp_path, "-c", code, ORT_DISABLE_TELEMETRY="0", DO_NOT_TRACK="")
    assert own.stdout == "0 1 \n"


@pytest.mark.faults
@pytest.mark.parametrize("path", sorted((PROJECT / "scripts").glob("*.py")), ids=lambda p: p.stem)
def test_a_script_imports_onnxruntime_only_after_sightline(path):
    imports = []
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            imports += [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports.append(str(node.module).split(".")[0])
    if "onnxruntime" in imports:
        assert "sightline" in imports[: imports.index("onnxruntime")]
