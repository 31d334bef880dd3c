"""`sightline repro` beside `dvc repro`: the same dvc.lock, and nothing left for the other to do."""

import contextlib
import shutil
import signal
import subprocess
import time

import psutil
import pytest
import yaml
from workspace import MODELS, Workspace, copy_project

pytestmark = pytest.mark.slow

PARALLEL = ["sightline", "repro", "-j", "2"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Workspace, Workspace]:
    """Two equal workspaces: one for `dvc repro`, one for `sightline repro`."""
    return tuple(copy_project(tmp_path_factory.mktemp(name)) for name in ("serial", "parallel"))


def lock(workspace: Workspace) -> str:
    return (workspace.root / "dvc.lock").read_text()


def both(pair: tuple[Workspace, Workspace], check: bool = True) -> None:
    """Bring both up to date, each its own way; what DVC keeps must be equal."""
    serial, parallel = pair
    serial.run("dvc", "repro", "--keep-going", check=check)
    parallel.run(*PARALLEL, check=check)
    assert lock(parallel) == lock(serial)


def test_from_nothing(pair):
    both(pair)
    for workspace in pair:
        assert workspace.repro() == []
        assert "up to date" in workspace.run(*PARALLEL)


def test_after_a_changed_param(pair):
    both(pair)
    for workspace in pair:
        workspace.edit("params.yaml", lambda p: p["models"]["mnist-lstm"].update(seed=5))
    both(pair)


def test_after_a_failed_stage(pair):
    both(pair)
    files = [w.root / "src" / "sightline" / "networks" / "lstm.py" for w in pair]
    before = files[0].read_text()
    for file in files:
        file.write_text(before + "\nraise RuntimeError('broken on purpose')\n")
    both(pair, check=False)
    message = pair[1].run(*PARALLEL, check=False)
    assert "train@mnist-lstm: RuntimeError: broken on purpose" in message
    assert "when that is mended: sightline repro" in message
    for file in files:
        file.write_text(before)
    both(pair)


@pytest.mark.parametrize("victim", ["command", "stage"])
@pytest.mark.parametrize("fork", [[], ["--no-fork"]], ids=["forked", "started"])
def test_killed_anywhere_it_goes_on_to_the_same_end(pair, fork, victim, tmp_path):
    serial, _ = pair
    serial.run("dvc", "repro", "--keep-going")
    complete = entries(serial)
    workspace = copy_project(tmp_path / "killed")
    shutil.copy(serial.root / "params.yaml", workspace.root)
    command = subprocess.Popen(
        [*PARALLEL, *fork, "train"], cwd=workspace.root, env=workspace.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    stage = wait_for_training(command)
    (command if victim == "command" else stage).send_signal(signal.SIGKILL)
    assert command.wait(120) != 0
    assert gone(stage)
    workspace.run(*PARALLEL, *fork, "train")
    resumed = entries(workspace)
    assert set(resumed) >= {f"train@{name}" for name in MODELS}
    assert resumed == {name: complete[name] for name in resumed}
    if victim == "command":  # a stage that fails comes behind the others, with `dvc repro` too
        assert list(resumed) == [name for name in complete if name in resumed]
    assert not (workspace.root / ".sightline" / "repro.json").exists()


def entries(workspace: Workspace) -> dict[str, object]:
    """Return the entries of a dvc.lock by stage."""
    return yaml.safe_load(lock(workspace))["stages"]


def wait_for_training(command: subprocess.Popen) -> psutil.Process:
    """Return a process that trains, of this `sightline repro`, as soon as there is one."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        for process in psutil.Process(command.pid).children(recursive=True):
            with contextlib.suppress(psutil.AccessDenied, psutil.NoSuchProcess):
                started = process.environ().get("DVC_STAGE", "").startswith("train@")
                forked = process.name().startswith("train-")
                if started or forked:
                    time.sleep(0.2)  # a training in small takes about a second
                    return process
        time.sleep(0.1)
    raise AssertionError("no training was started")


def gone(process: psutil.Process) -> bool:
    """Whether a process ends within seconds."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_keeps_what_is_done_and_says_so(tmp_path):
    workspace = copy_project(tmp_path / "interrupted")
    command = subprocess.Popen(
        [*PARALLEL, "train"], cwd=workspace.root, env=workspace.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    stage = wait_for_training(command)
    command.send_signal(signal.SIGINT)
    output, _ = command.communicate(timeout=120)
    assert command.returncode == 1
    assert "ended early; the same command goes on where this one stopped" in output
    assert gone(stage)
    assert "download@mnist" in (workspace.root / "dvc.lock").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["trian@mnist-cnn"], "did you mean 'train@mnist-cnn'?"),
        (["-j", "0"], "'0' is no number of stages from 1 to"),
        (["-j", "two"], "'two' is no number of stages from 1 to"),
        (["-j", "10000"], "'10000' is no number of stages from 1 to"),
    ],
)
def test_bad_input_is_named(pair, options, message):
    assert message in pair[1].run("sightline", "repro", *options, check=False)
