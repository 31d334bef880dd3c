"""scripts/recurrent_nodes.py: one native node beside the same recurrence unrolled."""

import re

import pytest
from support import run_script


@pytest.mark.slow
def test_both_graphs_answer_the_same_and_every_row_has_its_figures(tmp_path):
    done = run_script("recurrent_nodes.py", tmp_path, "--seconds", "0.1")
    assert done.returncode == 0, done.stderr
    row = r"\| (\w+) \| (\d+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|"
    matches = [re.fullmatch(row, line) for line in done.stdout.splitlines()[3:]]
    assert [(m[1], m[2]) for m in matches] == [
        (network, batch) for network in ("rnn", "irnn") for batch in ("1", "8", "64", "256")
    ]
    assert all(float(match[3]) > 0 and float(match[4]) > 0 for match in matches)
