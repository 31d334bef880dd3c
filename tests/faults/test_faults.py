"""A part of what `make faults` runs whole."""

import matrix
import pytest
import writers

CASES = [
    ("reproduce", "stage", "download"),
    ("reproduce", "stage", "train"),
    ("reproduce", "engine", "train"),
    ("reproduce", "engine", "log"),
    ("reproduce", "worker", "train"),
    ("reproduce", "server", "export"),
    ("sightline", "stage", "preprocess"),
    ("sightline", "program", "train"),
    ("dvc", "program", "train"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("run", "who", "when"), CASES)
def test_nothing_is_lost_when(run, who, when, toy, server):
    case = matrix.inflict(server, toy, run, who, when)
    assert case.orphans == [], "a process outlived the one who was killed"
    assert case.locks == []
    assert case.again.startswith(("Completed(", "exit status 0")), case
    assert case.lost == []
    assert set(case.executions.values()) == {1}, "a stage came to its end more or less than once"


@pytest.mark.slow
@pytest.mark.parametrize("name", writers.WRITERS)
def test_files_are_whole_whenever_their_writer_is_killed(name, tmp_path):
    assert writers.killed(name, tmp_path / "it", kills=4) == []


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
