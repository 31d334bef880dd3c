"""Eight cases of the matrix that `make faults` runs whole."""

import matrix
import pytest

CASES = [
    ("stage", "download"),
    ("stage", "train"),
    ("dvc", "preprocess"),
    ("dvc", "train"),
    ("engine", "train"),
    ("engine", "log"),
    ("worker", "train"),
    ("server", "export"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("who", "when"), CASES)
def test_nothing_is_lost_when(who, when, toy, server):
    case = matrix.inflict(server, toy, who, when)
    assert case.orphans == [], "a process outlived the one who was killed"
    assert case.locks == []
    assert case.again.startswith("Completed("), case
    assert case.lost == []
    assert set(case.executions.values()) == {1}, "a stage came to its end more or less than once"


def test_twelve_stages_side_by_side_are_all_recorded(new_toy, reproduce):
    stages = [f"train@n{i}" for i in range(12)]
    entries = ", ".join(f"n{i}: {{}}" for i in range(12))
    (new_toy.root / "dvc.yaml").write_text(
        f"stages:\n  train:\n    foreach: {{{entries}}}\n    do:\n"
        "      cmd: sleep 1; echo ${key} > ${key}.out\n      outs: ['${key}.out']\n"
    )
    new_toy.params(lambda params: params["flows"].update(cpu_slots=12, time_limits={}))
    state, _ = reproduce(new_toy)
    assert state.message == "12 stages: 12 ran"
    lock = (new_toy.root / "dvc.lock").read_text()
    assert [stage for stage in stages if f"  {stage}:" not in lock] == []
    assert new_toy.shell("dvc", "status").strip() == "Data and pipelines are up to date."
