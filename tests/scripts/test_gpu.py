"""`make gpu-bundle` and `make gpu`: a rehearsal on the CPU with what a bundle brings alone."""

import importlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import workspace
from exported import trained
from support import PROJECT

from sightline.export.export import export

AT_HAND = ("torch", "numpy", "PyYAML", "filelock")  # what the other machine has
PARTS = {"machine", "resume", "memory", "tests", "steps", "cifar10", "onnxruntime"}


@pytest.fixture
def project(tmp_path, monkeypatch) -> workspace.Workspace:
    """A clone whose CIFAR-10 and ImageNet are drawn, and few."""
    monkeypatch.setattr(workspace, "DATASETS", {"cifar10": (300, 60), "imagenet": (60, 30)})
    monkeypatch.setattr(workspace, "MODELS", ["cifar10-cnn", "imagenet-lstm"])
    project = workspace.copy_project(tmp_path / "project")
    for dataset in workspace.DATASETS:
        project.run("sightline", "download", dataset)
    return project


@pytest.mark.slow
def test_a_bundle_brings_all_that_a_bare_machine_lacks(project, tmp_path):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    output = project.run(sys.executable, "scripts/gpu/bundle.py", "--python", version)
    assert "cat gpu-bundle/piece.* | tar -xz -C FOLDER" in output
    pieces = sorted((project.root / "gpu-bundle").glob("piece.*"))
    assert pieces and all(piece.stat().st_size <= 60 << 20 for piece in pieces)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    archive = b"".join(piece.read_bytes() for piece in pieces)
    subprocess.run(["tar", "-xz", "-C", unpacked], input=archive, check=True)
    python = bare(tmp_path / "bare")
    done = subprocess.run(
        ["make", "gpu", f"PYTHON={python}", "GPU_OPTIONS=--rehearse"],
        **{"cwd": unpacked, "env": {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    out = unpacked / ".sightline" / "gpu"
    results = json.loads((out / "gpu.json").read_text())
    assert results["rehearsal"] and set(results["parts"]) == PARTS
    lines = (out / "gpu.md").read_text().splitlines()
    assert lines[0].startswith("**A rehearsal on the CPU")
    table = {(part, what): figure for part, what, figure in (cells(line) for line in lines[2:])}
    assert table["resume", "weights equal to the bit"] == "yes"
    assert table["resume", "steps in all, and after the kill"] == "12, 6"
    assert re.fullmatch(r"[\d.]+%", table["cifar10", "airbench: mean top-1 of 1, six views"])
    assert ("onnxruntime", "left out") in table, "a bundle brings no onnxruntime"
    assert sum(what.endswith("images a second") for _, what in table) >= 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_without_a_gpu_nothing_is_measured_and_nothing_is_rehearsed_in_its_place(tmp_path):
    command = [sys.executable, "scripts/gpu", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    assert done.stderr.startswith("gpu: torch sees no CUDA device here: ")


def test_a_provider_of_onnxruntime_is_asked_as_the_cpu_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "scripts" / "gpu")
    layout = trained(tmp_path, "cnn")
    export("cnn", layout)
    parts = importlib.import_module("parts")
    answer = parts.asked_on(layout.model("cnn").onnx, "CPUExecutionProvider")
    assert re.fullmatch(r"[\d,]+ images a second, apart 0\.0e\+00", answer)
    sys.modules.pop("parts")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def bare(folder: Path) -> Path:
    """Make an environment of AT_HAND and what these need; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    names, seen = list(AT_HAND), set()
    while names:
        name = re.split(r"[ ;<>=!~\[(]", names.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        names += [need for need in package.requires or [] if "extra ==" not in need]
        for top in {Path(str(file)).parts[0] for file in package.files or []} - {".."}:
            source = Path(str(package.locate_file(top)))
            if top != "__pycache__" and not (packages / top).exists() and source.exists():
                (packages / top).symlink_to(source)
    assert not shutil.which("prefect", path=str(folder / "bin"))
    return folder / "bin" / "python"
