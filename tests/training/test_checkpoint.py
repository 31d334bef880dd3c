"""Checkpoints: a training resumes from a kill as if there had been none, and from its own alone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import PROJECT
from trainings import COMPUTE, run, timing

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.training import checkpoint, loop
from sightline.training.device import choose
from sightline.training.ranks import Ranks

KILLED = """
import os, signal, sys
from dataclasses import replace
from sightline.layout import Layout
from sightline.training.step import Training
from trainings import COMPUTE, run
root, recipe, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
take_step = Training.take_step
def counted(training, *args):
    take_step(training, *args)
    if training.step == last:
        os.kill(os.getpid(), signal.SIGKILL)
Training.take_step = counted
run(Layout(root), recipe, compute=replace(COMPUTE, checkpoint_seconds=0.0))
"""


def kill(layout: Layout, recipe: str, last: int) -> Path:
    """Train in a process that a SIGKILL ends after its step number `last`; return its checkpoint.

    A checkpoint is written after each step but the last.
    """
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(layout.root), recipe, str(last)]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return next(layout.state.checkpoints.glob("*.pt"), Path("no checkpoint"))


@pytest.mark.parametrize(
    ("recipe", "last"),  # an epoch has 7 steps: killed in it, at its end, at its beginning
    [
        ("cnn", 1),
        ("cnn", 7),
        ("cnn", 8),
        ("muon", 6),
        ("muon", 12),
        ("lstm", 5),
        ("short", 9),
        ("mlp", 20),
        ("crop", 12),
    ],
)
def test_killed_and_resumed_equals_never_killed(layout, recipe, last):
    unharmed = run(layout, recipe)
    kill(layout, recipe, last)
    assert run(layout, recipe) == unharmed
    assert timing(layout)["steps_executed"] == 21 - (last - 1)


def test_a_changed_recipe_does_not_meet_an_old_checkpoint(layout):
    assert kill(layout, "lstm", 9).exists()
    run(layout, "lstm", clip_norm=0.5)
    assert timing(layout)["steps_executed"] == 21


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def emptied(data: bytes) -> bytes:
    return b""


def zeroed(data: bytes) -> bytes:
    """As a disk leaves a block that was never written, in the middle of the weights."""
    middle = len(data) // 2
    return data[: middle - 2048] + bytes(4096) + data[middle + 2048 :]


@pytest.mark.faults
@pytest.mark.parametrize("damage", [cut, emptied, zeroed])
def test_a_damaged_checkpoint_is_put_aside_and_training_starts_anew(layout, caplog, damage):
    unharmed = run(layout, "lstm")
    path = kill(layout, "lstm", 9)
    path.write_bytes(damage(path.read_bytes()))
    caplog.clear()
    assert run(layout, "lstm") == unharmed
    assert timing(layout)["steps_executed"] == 21
    (aside,) = layout.state.path.glob("*.damaged")
    lines = [line for line in caplog.messages if "damaged" in line]
    assert lines == [f"{path} is damaged: it is kept as {aside}, training starts anew"]


def test_a_key_tells_apart_what_decides_the_result_and_nothing_else(monkeypatch, tmp_path):
    place, description, data = (
        choose(COMPUTE),
        {"network": "mlp", "task": "classify", "seed": 0},
        {"a.npy": "1f"},
    )
    key = checkpoint.key(description, data, place)
    assert key == checkpoint.key(description, data, replace(place, reason="other words"))
    changes = {
        "device": torch.device("cuda"),
        "dtype": torch.bfloat16,
        "threads": 2,
        "ranks": Ranks(0, 2),
        "compile": True,
        "sync_batch_norm": True,
    }
    keys = [checkpoint.key(description, data, replace(place, **{k: v})) for k, v in changes.items()]
    keys.append(checkpoint.key(description | {"seed": 1}, data, place))
    keys.append(checkpoint.key(description, {"a.npy": "2f"}, place))
    keys.append(checkpoint.key(description | {"network": "cnn"}, data, place))
    monkeypatch.setattr(torch, "__version__", "0.0")
    keys.append(checkpoint.key(description, data, place))
    assert len({key, *keys}) == 1 + len(keys)


def test_a_key_goes_with_the_code_of_the_training_and_no_other(monkeypatch, tmp_path):
    own = tmp_path / "sightline"
    shutil.copytree(PROJECT / "src" / "sightline", own)
    monkeypatch.setattr(checkpoint, "_PACKAGE", own)

    def key(file: str) -> str:
        with (own / file).open("a") as code:
            code.write("# changed\n")
        description = {"network": "lstm", "task": "classify", "seed": 0}
        return checkpoint.key(description, {"a.npy": "1f"}, choose(COMPUTE))

    first = key("cli.py")
    for file in ("networks/cnn.py", "tasks/rotation/task.py", "report/pages.py"):
        assert key(file) == first
    for file in ("networks/lstm.py", "training/step.py", "tasks/classify/task.py"):
        before, first = first, key(file)
        assert first != before


@pytest.mark.faults
def test_a_checkpoint_that_nobody_takes_up_goes_in_time(layout):
    folder = layout.state.checkpoints
    old, recent, at_work = (folder / f"it-{name}.pt" for name in ("old", "recent", "at-work"))
    for path in (old, recent, at_work):
        checkpoint.save(path, {})
    for path in (old, at_work):
        os.utime(path, (0, time.time() - (checkpoint.KEPT + 1) * 24 * 3600))
    with checkpoint.alone(at_work):
        run(layout, "mlp", epochs=1)
    assert sorted(folder.glob("*.pt")) == [at_work, recent]


def test_two_trainings_of_the_same_thing_do_not_meet(layout, monkeypatch):
    locked = []

    def intrude(path, machine):
        refused = pytest.raises(SightlineError, match="another process trains exactly this model")
        with refused, checkpoint.alone(path):
            pass
        locked.append(path)

    monkeypatch.setattr(loop.checkpoint, "load", intrude)
    run(layout, "mlp", epochs=1)
    assert locked
