"""Who may import what (docs/architecture.md), read from the source as it stands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "sightline"
FILES = sorted(SOURCE.rglob("*.py")) + sorted((ROOT / "flows").glob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def inside(path: Path, *places: str) -> bool:
    return any(path.is_relative_to(ROOT / place) for place in places)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_package_has_one_home(path):
    names = imported(path)
    if "dvc" in names:
        assert path == SOURCE / "pipeline.py"
    if "mlflow" in names:
        assert path == SOURCE / "tracking" / "runs.py"
    if "prefect" in names:
        assert inside(path, "flows")
    if "onnxruntime" in names:
        assert inside(path, "src/sightline/inference.py", "src/sightline/benchmark")
    if inside(path, *(f"src/sightline/{part}" for part in ("networks", "tasks", "training"))):
        third_party = names - set(sys.stdlib_module_names) - {"sightline"}
        assert third_party <= {"torch", "numpy"}
    if "torch" in names:
        assert not inside(path, "src/sightline/data", "src/sightline/inference.py")


BARE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ImportError("refused: " + name)
sys.meta_path.insert(0, Refuse())
import {module}
"""


@pytest.mark.parametrize(
    ("module", "refused"),
    [
        (
            "sightline.training.loop",
            {"pydantic", "yaml", "tqdm", "PIL", "torchvision", "dvc", "mlflow", "prefect", "onnx"},
        ),
        ("sightline.data.preprocess", {"torch"}),
        ("sightline.data.fetch", {"torch"}),
        ("sightline.inference", {"torch", "torchvision", "onnx", "mlflow", "dvc"}),
        ("sightline.params", {"torch", "mlflow", "dvc", "onnxruntime"}),
        ("sightline.cli", {"torch", "mlflow", "dvc", "onnxruntime", "numpy", "pydantic", "yaml"}),
    ],
)
def test_a_module_does_without_what_its_users_may_not_have(module, refused):
    code = BARE.format(module=module, refused=refused)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
