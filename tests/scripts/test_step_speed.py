"""scripts/step_speed.py: what a step achieves beside a matrix product."""

import re
from pathlib import Path

import pytest
from support import run_script, write_workspace


@pytest.fixture
def workspace(tmp_path) -> Path:
    one_layer = {
        "epochs": 1,
        "batch_size": 200,
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "network": {"widths": [10000]},
    }
    models = {"mlp": "one-layer", "lstm": "rows-6"}
    write_workspace(tmp_path, "bars", models, {"one-layer": one_layer})
    return tmp_path


def step_speed(workspace: Path, *options: str):
    return run_script("step_speed.py", workspace, *options)


def test_a_step_is_counted_and_stands_beside_a_product(workspace):
    done = step_speed(workspace, "bars-mlp", "--threads", "1", "--profile")
    assert done.returncode == 0, done.stderr
    line, *operators = done.stdout.splitlines()
    # forward and the gradients of both matrices, and that of the hidden layer: x of 144 needs none
    giga = 2 * 200 * (2 * 144 * 10000 + 3 * 10000 * 3) / 1e9
    assert f": {giga:.1f} GFLOP" in line and "200 images" in line and "; 1 threads of" in line
    step, share, product = re.search(
        r"([\d.]+) GFLOP/s, (\d+)% of the ([\d.]+) of a matrix product", line
    ).groups()
    rounding = 0.005 + 0.11 / float(product)  # of the share, and of both speeds
    assert float(step) / float(product) == pytest.approx(int(share) / 100, abs=rounding)
    assert any(operator.endswith("  aten::addmm") for operator in operators)
    shares = [float(operator.split("%")[0]) for operator in operators]
    assert shares == sorted(shares, reverse=True) and 30 < sum(shares) <= 100.1


def test_what_torch_does_not_count_is_refused(workspace):
    done = step_speed(workspace, "bars-lstm", "--threads", "1")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "step_speed: bars-lstm: torch counts no FLOPs of recurrent layers" in done.stderr
