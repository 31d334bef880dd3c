"""Several processes train as one does, through the real command, and end together."""

import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
import support
import torch
import trainings
import yaml
from support import write_processed
from trainings import RECIPES, outputs, timing

import sightline
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings.params import Compute
from sightline.settings.recipe import Optimizer, Recipe, Schedule
from sightline.training.loop import train
from sightline.training.ranks import Ranks, joined

ROOT = Path(__file__).parent.parent.parent
COMPUTE = Compute(device="cpu", dtype="float32", processes=2, checkpoint_seconds=0.0)
# an epoch is one step, so that epochs.csv has the loss of each; the batch has an odd size
STEPS = {"epochs": 100, "batch_size": 239}
TRAIN = ("-m", "sightline.cli", "train", "it")


class Project:
    """A folder in which `sightline train it` runs."""

    def __init__(self, root: Path, recipe: str, compute: Compute = COMPUTE, **changes):
        self.layout = Layout(root)
        write_processed(self.layout.processed("bars").path)
        (root / "data" / "catalogues").mkdir()
        shutil.copy2(ROOT / "data" / "catalogues" / "sample.yaml", root / "data" / "catalogues")
        self.model = trainings.model(recipe)
        self.recipe: Recipe = replace(RECIPES[recipe], **changes)
        params = {
            "catalogue": "sample",
            "datasets": {"bars": {"image_size": 12, "channels": 1, "val_size": 0.1}},
            "models": {"it": asdict(self.model)},
            "recipes": {"its": asdict(self.recipe)},
            "compute": asdict(compute),
        }
        self.layout.params.write_text(yaml.safe_dump(params))

    def start(self, *command: str) -> subprocess.Popen:
        """Start `sightline train it`, or another command of Python's."""
        environment = {
            "PYTHONPATH": str(Path(sightline.__file__).parent.parent),
            "OMP_NUM_THREADS": "1",
        }
        return subprocess.Popen(
            [sys.executable, *(command or TRAIN)],
            cwd=self.layout.root, env=os.environ | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def train(self) -> str:
        """Train to the end; return the output."""
        return finished(self.start())

    def interrupted(self) -> tuple[subprocess.Popen, dict[int, psutil.Process]]:
        """Return a training that has left a checkpoint and goes on, and its ranks."""
        command = self.start()
        until = time.monotonic() + 400
        while not list(self.layout.state.checkpoints.glob("*.pt")):
            assert command.poll() is None, command.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.02)
        children = psutil.Process(command.pid).children(recursive=True)
        return command, {int(child.environ()["RANK"]): child for child in children}

    def rows(self) -> list[dict[str, float]]:
        return [{k: float(v) for k, v in row.items()} for row in trainings.rows(self.layout)]


def finished(command: subprocess.Popen, status: int = 0) -> str:
    """Wait for a command, which must end with this status; return its output."""
    output, _ = command.communicate(timeout=400)
    assert command.returncode == status, output
    return output


def gone(processes) -> bool:
    _, alive = psutil.wait_procs(list(processes), timeout=60)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory) -> Project:
    """An LSTM with lengths, clipping and truncation, trained by two undisturbed processes."""
    project = Project(tmp_path_factory.mktemp("lstm"), "short", **STEPS)
    project.output = project.train()
    return project


def losses_of_one(project: Project, root: Path, compute: Compute = COMPUTE) -> list[float]:
    """Return the losses of the same training in this one process."""
    shutil.copytree(project.layout.root / "data", root / "data")
    alone = replace(compute, processes=1, checkpoint_seconds=1e9)
    train("it", project.model, project.recipe, alone, Layout(root))
    return [float(row["train_loss"]) for row in trainings.rows(Layout(root))]


def test_an_lstm_learns_by_the_same_steps_in_two_processes(lstm, tmp_path):
    one, two = losses_of_one(lstm, tmp_path), lstm.rows()
    assert len(one) == len(two) == 100 and one[-1] < one[0] / 2
    assert [row["train_loss"] for row in two] == pytest.approx(one, abs=1e-4)
    assert timing(lstm.layout)["processes"] == 2 and timing(lstm.layout)["steps_executed"] == 100
    lines = lstm.output.splitlines()
    assert len(lines) == 2 + 100, "one of the ranks speaks: before, after each epoch, and after"
    assert not list(lstm.layout.state.checkpoints.iterdir())


MLP = STEPS | {"network": {"widths": [16]}}


@pytest.mark.slow
@pytest.mark.parametrize("augmented", ["cnn", "crop"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_an_mlp_and_its_augmentation_are_those_of_one_process(device, augmented, tmp_path):
    if device == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    compute = replace(COMPUTE, device=device)
    changes = MLP | {"augment": RECIPES[augmented].augment}
    project = Project(tmp_path / "two", "mlp", compute, **changes)
    project.train()
    one = losses_of_one(project, tmp_path / "one", compute)
    assert [row["train_loss"] for row in project.rows()] == pytest.approx(one, abs=1e-4)


@pytest.mark.slow
def test_two_machines_train_together(tmp_path):
    """Two workspaces, and a torchrun for each: as docs/scaling.md says, on one machine."""
    projects = [Project(tmp_path / name, "mlp", **MLP) for name in ("first", "second")]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    commands = [
        project.start(
            *("-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"),
            *(f"--node-rank={rank}", "--master-addr=127.0.0.1", f"--master-port={port}", *TRAIN),
        )
        for rank, project in enumerate(projects)
    ]
    outputs = [finished(command) for command in commands]
    one = losses_of_one(projects[0], tmp_path / "one")
    assert [row["train_loss"] for row in projects[0].rows()] == pytest.approx(one, abs=1e-4)
    assert "train it on cpu" in outputs[0] and "train it on" not in outputs[1]
    assert not projects[1].layout.trained("it").path.exists(), "the first machine has the results"


def test_a_killed_rank_ends_the_run_with_one_line_and_the_next_goes_on(lstm, tmp_path):
    project = Project(tmp_path, "short", **STEPS)
    command, ranks = project.interrupted()
    listening = [
        connection.laddr.ip
        for process in [psutil.Process(command.pid), *ranks.values()]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}, "anybody could talk to the ranks"
    ranks[1].kill()
    output = finished(command, status=1)
    told = ("train it on", "epoch ")
    errors = [line for line in output.splitlines() if not line.startswith(told)]
    assert errors == [
        f"sightline: it: rank 1 of 2 (process {ranks[1].pid}) was killed by SIGKILL, and the "
        "others were ended: run the same command again, it goes on from the last checkpoint"
    ]
    assert gone(ranks.values())
    assert not project.layout.trained("it").path.exists()
    assert not project.layout.results("it").path.exists()
    assert "resuming from step" in project.train()
    assert timing(project.layout)["steps_executed"] < 100
    assert outputs(project.layout) == outputs(lstm.layout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "victim"),  # batch norm with a moving average, and with slow weights
    [("cnn", "the command"), ("muon", "the rank that writes")],
)
def test_killed_and_resumed_equals_never_killed(recipe, victim, tmp_path):
    unharmed = Project(tmp_path / "unharmed", recipe, epochs=12)
    unharmed.train()
    assert unharmed.rows()[-1]["val_top1"] > 0.9
    project = Project(tmp_path / "killed", recipe, epochs=12)
    command, ranks = project.interrupted()
    os.kill(command.pid if victim == "the command" else ranks[0].pid, signal.SIGKILL)
    finished(command, -signal.SIGKILL if victim == "the command" else 1)
    assert gone(ranks.values())
    project.train()
    assert timing(project.layout)["steps_executed"] < 12 * 7
    assert outputs(project.layout) == outputs(unharmed.layout)


@pytest.mark.slow
def test_what_stops_every_rank_is_printed_once(tmp_path):
    changes = {"optimizer": Optimizer("sgd", 1e30), "schedule": Schedule(), "ema": 0.0}
    output = finished(Project(tmp_path / "nan", "cnn", **changes).start(), status=1)
    assert output.count("sightline: it: the loss is") == 1 and "Traceback" not in output
    output = finished(Project(tmp_path / "many", "cnn", batch_size=1).start(), status=1)
    assert output.count("a batch of 1 cannot be shared by 2 processes") == 1


@pytest.mark.slow
def test_a_second_training_of_the_same_thing_is_refused_and_leaves_the_first_alone(tmp_path):
    project = Project(tmp_path, "lstm", epochs=1000)
    first, _ = project.interrupted()
    output = finished(project.start(), status=75)
    assert "Traceback" not in output
    assert output.count("another process trains exactly this model now") == 1
    assert first.poll() is None
    first.terminate()
    finished(first, -signal.SIGTERM)


@pytest.mark.slow
def test_a_rank_without_an_image_to_validate_spoils_no_figure(tmp_path, monkeypatch):
    monkeypatch.setitem(support.COUNTS, "val", 1)
    project = Project(tmp_path, "mlp", epochs=2)
    project.train()
    assert all(math.isfinite(row["val_loss"]) for row in project.rows())


@pytest.mark.slow
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_ends_the_ranks(asked, tmp_path):
    command, ranks = Project(tmp_path, "lstm", **STEPS).interrupted()
    command.send_signal(asked)
    assert "Traceback" not in finished(command, -asked)
    assert gone(ranks.values())


def test_parts_cover_a_batch_and_differ_by_one_image_at_most():
    for count in (0, 1, 7, 128):
        parts = [Ranks(rank, 3).part(count) for rank in range(3)]
        assert [i for part in parts for i in range(count)[part]] == list(range(count))
        sizes = [part.stop - part.start for part in parts]
        assert max(sizes) - min(sizes) <= 1


def test_processes_that_are_asked_for_and_not_there_are_not_papered_over():
    with pytest.raises(SightlineError, match="processes is 2 and this training has 1: `sightline"):
        joined(2, torch.device("cpu"))


def test_the_ranks_talk_over_the_loopback_device_that_there_is(tmp_path, monkeypatch):
    from sightline.training.launch import MEETING, stay_on_this_machine

    asked = "GLOO_SOCKET_IFNAME"
    for name in (asked, "NCCL_SOCKET_IFNAME", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE", MEETING):
        monkeypatch.setenv(name, "")
    stay_on_this_machine(str(tmp_path))
    assert os.environ[asked] in {name for _, name in socket.if_nameindex()}
    monkeypatch.setattr(sys, "platform", "darwin")
    stay_on_this_machine(str(tmp_path))
    assert os.environ[asked] == "lo0"
