"""What a command imports is paid for by each of its starts: a budget for each."""

import subprocess
import sys

import measurable
import pytest
from workspace import copy_project

pytestmark = pytest.mark.slow

HEAVY = {"torch", "torch._dynamo", "sympy", "mlflow", "dvc", "matplotlib", "scipy", "onnxruntime"}
HEAVY |= {"onnx", "pandas", "git", "prefect", "requests", "torchvision"}
NETWORKS = {"torch"}
# in the order of a pipeline; the rest of HEAVY must stay out
BUDGETS = [
    (["download", "mnist"], set()),
    (["preprocess", "mnist"], set()),
    (["validate"], NETWORKS),
    (["validate"], set()),  # the same settings passed: no network is built
    # making an optimizer, torch imports its compiler by itself
    (["train", "mnist-lstm"], {"torch", "torch._dynamo", "sympy"}),
    (["evaluate", "mnist-lstm"], NETWORKS | {"matplotlib"}),
    (["insight", "mnist-lstm"], NETWORKS | {"matplotlib"}),
    (["export", "mnist-lstm"], NETWORKS | {"onnx", "onnxruntime"}),
    (["compare"], set()),
]
SCRIPT = """
import sys
from sightline.cli import main
status = main(sys.argv[1:])
print("\\n", *sys.modules)
sys.exit(status)
"""


SERVE = """
import sys
import uvicorn
uvicorn.Server.run = lambda server, sockets: sockets[0].close()
from sightline.cli import main
status = main(["serve", sys.argv[1], "--port", "0"])
print("\\n", *sys.modules)
sys.exit(status)
"""


def test_serve_imports_no_torch(tmp_path):
    measurable.make(tmp_path, "mlp")
    command = [sys.executable, "-c", SERVE, "mlp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.splitlines()[-1].split()) == {"onnxruntime"}


def test_commands_import_what_they_need_and_no_more(tmp_path):
    workspace = copy_project(tmp_path)
    workspace.environment["PYTHONPATH"] = str(tmp_path / "src")
    too_much = {}
    for command, budget in BUDGETS:
        printed = workspace.run(sys.executable, "-c", SCRIPT, *command)
        imported = HEAVY & set(printed.splitlines()[-1].split())
        if imported - budget:
            too_much[" ".join(command)] = imported - budget
    assert too_much == {}
