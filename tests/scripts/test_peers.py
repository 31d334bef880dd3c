"""scripts/peers.py: pytorch/examples' networks and ours, to the same accuracy."""

import re
from pathlib import Path

import pytest
from support import run_script, write_workspace

FAST = {"epochs": 6, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}}
RECIPES = {
    "fast-mnist-99": FAST | {"network": {"widths": [8, 8]}},
    "fast-rows-98": FAST | {"network": {"hidden_size": 32}},
}


def workspace(root: Path, recipes: dict) -> Path:
    models = {"cnn": "fast-mnist-99", "lstm": "fast-rows-98"}
    write_workspace(root, "mnist", models, recipes, size=28)
    return root


def test_both_train_to_the_goal_in_turn(tmp_path):
    done = run_script("peers.py", workspace(tmp_path, RECIPES), "--seeds", "0", "--threads", "1")
    assert done.returncode == 0, done.stderr
    machine, path, *trained = done.stdout.splitlines()
    assert machine.startswith("bars for tests; 1 threads of")
    usual, ours, ratio = (
        float(figure.replace(",", ""))
        for figure in re.search(
            r"DataLoader ([\d,]+), ours ([\d,]+): (\d+) times less CPU", path
        ).groups()
    )
    assert ours > usual and ratio == pytest.approx(ours / usual, abs=1)
    matches = [re.fullmatch(r"seed 0, (.*): ([\d.]+)%, .* CPU-s", line) for line in trained]
    reached = {match[1]: float(match[2]) for match in matches if match}
    assert list(reached) == [
        "mnist",
        "mnist-cnn, fast-mnist-99",
        "mnist_rnn",
        "mnist-lstm, fast-rows-98",
    ]
    assert reached["mnist-cnn, fast-mnist-99"] >= 98.5 <= reached["mnist"]
    assert reached["mnist-lstm, fast-rows-98"] >= 98 > reached["mnist_rnn"]
    summary, of_rows = trained[2], trained[5]
    peer, ours, ratio = map(
        float, re.search(r"peer ([\d.]+) CPU-s, ours ([\d.]+): ([\d.]+) times", summary).groups()
    )
    # each of the three is rounded to one decimal
    least, most = (peer - 0.05) / (ours + 0.05), (peer + 0.05) / (ours - 0.05)
    assert least - 0.05 <= ratio <= most + 0.05
    # 56 steps of Adadelta at 0.1 teach an LSTM nothing
    assert "never got there with 1 of them, and ran its 14 epochs; peer" in of_rows
    assert "never" not in summary


def test_a_recipe_of_ours_that_misses_the_goal_is_compared_with_nothing(tmp_path):
    slow = FAST | {"epochs": 1, "optimizer": {"name": "sgd", "learning_rate": 1e-6}}
    recipes = RECIPES | {"fast-mnist-99": slow | {"network": {"widths": [8]}}}
    done = run_script("peers.py", workspace(tmp_path, recipes), "mnist", "--seeds", "5")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(
        r"^peers: mnist-cnn by fast-mnist-99: \d.*% with seed 5, 98.5% was to", done.stderr, re.M
    )
    assert "medians" not in done.stdout
