"""scripts/ablation.py: a recipe against itself with one technique changed."""

from pathlib import Path

import pytest
from support import run_script, write_workspace


@pytest.fixture
def workspace(tmp_path) -> Path:
    small = {
        "epochs": 3,
        "batch_size": 32,
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "network": {"widths": [4], "whiten": 2},
    }
    write_workspace(tmp_path, "bars", {"cnn": "small"}, {"small": small})
    return tmp_path


def ablate(workspace: Path, *options: str):
    return run_script("ablation.py", workspace, "bars-cnn", *options)


def test_each_change_gets_a_line_beside_the_recipe_as_it_is(workspace):
    options = ["--seeds", "0", "1", "--epochs", "2", "--threads", "1"]
    labels = ["no whitening", "relu", "no Dirac initialisation"]  # the last two change nothing
    done = ablate(workspace, *options, "--only", *labels)
    assert done.returncode == 0, done.stderr
    assert "recipe small, 2 epochs, seeds [0, 1], 1 threads" in done.stdout
    head, _, *lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert "val top1, difference | test top1, difference" in head
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows] == ["as it is", "no whitening"]
    assert all("±" in cell for row in rows for cell in row[1:3])
    assert rows[0][1].endswith(", +0.0000")
    assert rows[0][-1] == "503" and rows[1][-1] == "211"
    assert sorted((workspace / "data").iterdir()) == [
        workspace / "data" / "catalogues",
        workspace / "data" / "processed",
    ]


def test_an_unknown_change_is_named_with_the_nearest(workspace):
    done = ablate(workspace, "--only", "no whitning")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "no 'no whitning': did you mean 'no whitening'?" in done.stderr
