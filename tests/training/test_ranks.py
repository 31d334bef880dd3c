"""Several processes train as one does, through the real command, and end together."""

import csv
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
import yaml
from support import write_processed
from test_loop import NETWORKS, RECIPES, outputs, timing
from torch import nn

import sightline
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings.recipe import Compute, Model, Optimizer, Recipe, Schedule
from sightline.training.loop import train
from sightline.training.ranks import Dropout, Ranks, joined

ROOT = Path(__file__).parent.parent.parent
COMPUTE = Compute(device="cpu", dtype="float32", processes=2, checkpoint_seconds=0.0)
# an epoch is one step, so that epochs.csv has the loss of each; the batch has an odd size
STEPS = {"epochs": 100, "batch_size": 239}


class Project:
    """A folder in which `sightline train it` runs."""

    def __init__(self, root: Path, recipe: str, compute: Compute = COMPUTE, **changes):
        self.layout = Layout(root)
        write_processed(root / "data" / "processed" / "bars")
        (root / "data" / "catalogues").mkdir()
        shutil.copy2(ROOT / "data" / "catalogues" / "sample.yaml", root / "data" / "catalogues")
        self.model = Model("bars", NETWORKS.get(recipe, recipe), "classify", "its", seed=3)
        self.recipe: Recipe = replace(RECIPES[recipe], **changes)
        params = {
            "catalogue": "sample",
            "datasets": {"bars": {"image_size": 12, "channels": 1, "val_size": 0.1}},
            "models": {"it": asdict(self.model)},
            "recipes": {"its": asdict(self.recipe)},
            "compute": asdict(compute),
        }
        self.layout.params.write_text(yaml.safe_dump(params))

    def start(self) -> subprocess.Popen:
        paths = {"PYTHONPATH": str(Path(sightline.__file__).parent.parent)}
        return subprocess.Popen(
            [sys.executable, "-m", "sightline.cli", "train", "it"],
            cwd=self.layout.root, env=os.environ | paths | {"OMP_NUM_THREADS": "1"}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def train(self) -> str:
        """Train to the end; return what was said."""
        command = self.start()
        said, _ = command.communicate(timeout=120)
        assert command.returncode == 0, said
        return said

    def interrupted(self) -> tuple[subprocess.Popen, dict[int, psutil.Process]]:
        """Return a training that has left a checkpoint and goes on, and its ranks."""
        command = self.start()
        until = time.monotonic() + 120
        while not list((self.layout.root / ".sightline").glob("checkpoints/*.pt")):
            assert command.poll() is None, command.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.02)
        children = psutil.Process(command.pid).children(recursive=True)
        return command, {int(child.environ()["RANK"]): child for child in children}

    def rows(self) -> list[dict[str, float]]:
        with (self.layout.report("it") / "epochs.csv").open() as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def gone(processes) -> bool:
    _, alive = psutil.wait_procs(list(processes), timeout=10)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


@pytest.fixture(scope="module")
def lstm(tmp_path_factory) -> Project:
    """An LSTM with lengths, clipping and truncation, trained by two undisturbed processes."""
    project = Project(tmp_path_factory.mktemp("lstm"), "short", **STEPS)
    project.said = project.train()
    return project


def losses_of_one(project: Project, root: Path, compute: Compute) -> list[float]:
    shutil.copytree(project.layout.root / "data", root / "data")
    alone = replace(compute, processes=1, checkpoint_seconds=1e9)
    train("it", project.model, project.recipe, alone, Layout(root), root / "state")
    return [
        float(row["train_loss"]) for row in csv.DictReader((root / "reports/it/epochs.csv").open())
    ]


def test_an_lstm_learns_by_the_same_steps_in_two_processes(lstm, tmp_path):
    one, two = losses_of_one(lstm, tmp_path, COMPUTE), lstm.rows()
    assert len(one) == len(two) == 100 and one[-1] < one[0] / 2
    assert [row["train_loss"] for row in two] == pytest.approx(one, abs=1e-4)
    assert timing(lstm.layout)["processes"] == 2 and timing(lstm.layout)["steps_executed"] == 100
    assert lstm.said.count("train it on cpu") == 1, "one of the ranks speaks"
    assert not list((lstm.layout.root / ".sightline" / "checkpoints").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_an_mlps_dropout_and_augmentation_are_those_of_the_whole_batch(device, tmp_path):
    if device == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    compute = replace(COMPUTE, device=device)
    changes = STEPS | {"augment": RECIPES["cnn"].augment}
    project = Project(tmp_path / "two", "mlp", compute, **changes)
    project.train()
    one = losses_of_one(project, tmp_path / "one", compute)
    assert [row["train_loss"] for row in project.rows()] == pytest.approx(one, abs=1e-4)


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
    said, _ = command.communicate(timeout=60)
    errors = [line for line in said.splitlines() if not line.startswith("train it on")]
    assert command.returncode == 1 and errors == [
        f"sightline: it: rank 1 of 2 (process {ranks[1].pid}) was killed by SIGKILL, and the "
        "others were ended: run the same command again, it goes on from the last checkpoint"
    ]
    assert gone(ranks.values())
    assert not project.layout.model("it").exists() and not project.layout.report("it").exists()
    assert "resuming from step" in project.train()
    assert timing(project.layout)["steps_executed"] < 100
    assert outputs(project.layout, "it") == outputs(lstm.layout, "it")


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
    command.communicate(timeout=60)
    assert command.returncode == (-signal.SIGKILL if victim == "the command" else 1)
    assert gone(ranks.values())
    project.train()
    assert timing(project.layout)["steps_executed"] < 12 * 7
    assert outputs(project.layout, "it") == outputs(unharmed.layout, "it")


@pytest.mark.slow
def test_what_stops_every_rank_is_said_once(tmp_path):
    changes = {"optimizer": Optimizer("sgd", 1e30), "schedule": Schedule(), "ema": 0.0}
    command = Project(tmp_path / "nan", "cnn", **changes).start()
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 1
    assert said.count("sightline: it: the loss is") == 1 and "Traceback" not in said
    command = Project(tmp_path / "many", "cnn", batch_size=1).start()
    said, _ = command.communicate(timeout=60)
    assert "a batch of 1 cannot be shared by 2 processes" in said and command.returncode == 1


@pytest.mark.slow
def test_a_second_training_of_the_same_thing_is_refused_and_leaves_the_first_alone(tmp_path):
    project = Project(tmp_path, "lstm", epochs=1000)
    first, _ = project.interrupted()
    second = project.start()
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1 and "Traceback" not in said
    assert said.count("another process trains exactly this model now") == 1
    assert first.poll() is None
    first.terminate()
    first.communicate(timeout=60)


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
    said, _ = command.communicate(timeout=60)
    assert command.returncode == -asked and gone(ranks.values())
    assert "Traceback" not in said


def test_parts_of_a_batch_are_dropped_as_the_whole_is():
    whole = nn.Dropout(0.3)
    x = torch.rand(7, 50) + 1

    def dropped(module: nn.Module, values: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return module(values)

    parts = [Ranks(rank, 3).part(7) for rank in range(3)]
    shares = [dropped(Dropout(0.3, 7, part), x[part]) for part in parts]
    assert torch.equal(torch.cat(shares), dropped(whole, x))
    assert 0.1 < (dropped(whole, x) == 0).float().mean() < 0.5
    assert torch.equal(Dropout(0.3, 7, parts[1]).eval()(x), x)


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
    from sightline.training.launch import STORE, stay_on_this_machine

    asked = "GLOO_SOCKET_IFNAME"
    for name in (asked, "NCCL_SOCKET_IFNAME", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE", STORE):
        monkeypatch.setenv(name, "")
    stay_on_this_machine(str(tmp_path))
    assert os.environ[asked] in {name for _, name in socket.if_nameindex()}
    monkeypatch.setattr(sys, "platform", "darwin")
    stay_on_this_machine(str(tmp_path))
    assert os.environ[asked] == "lo0"
