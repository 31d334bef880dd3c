"""`dvc repro` on a real DVC repository: what runs, what does not, and that it repeats itself."""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from workspace import MODELS

STAGES = ["train", "evaluate", "insight", "export", "log"]
ON_WEIGHTS = STAGES[:-1]  # what runs the network's code


def of(*models: str, stages: list[str] = STAGES) -> set[str]:
    return {f"{stage}@{model}" for model in models for stage in stages}


def test_the_first_run_runs_every_stage_once_and_leaves_every_output(reproduced):
    expected = of(*MODELS) | {
        f"{stage}@{dataset}"
        for stage in ("download", "preprocess")
        for dataset in ("mnist", "imagenet")
    }
    expected |= {"code", "sources"}
    assert sorted(reproduced.first_run) == sorted(expected)
    for model in MODELS:
        metrics = json.loads((reproduced.root / "reports" / model / "metrics.json").read_text())
        assert set(metrics) == {"val", "test"} and 0 <= metrics["test"]["top1"] <= 1
        assert (reproduced.root / "models" / model / "model.onnx").stat().st_size > 1000
    assert (reproduced.root / ".sightline").is_dir()
    assert not list((reproduced.root / ".sightline" / "checkpoints").glob("*.pt"))


def test_a_second_run_runs_nothing(workspace):
    assert workspace.repro() == []
    assert workspace.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("path", "place", "value", "expected"),
    [
        ("params.yaml", "recipes.cnn-4.epochs", 3, of("mnist-cnn", stages=["train"])),
        ("params.yaml", "models.mnist-lstm.seed", 9, of("mnist-lstm", stages=["train"])),
        ("params.yaml", "compute.threads", 2, of(*MODELS, stages=["train"])),
        ("params.yaml", "compute.processes", 2, of(*MODELS, stages=["train"])),
        ("params.yaml", "compute.checkpoint_seconds", 7, set()),
        (
            "params.yaml",
            "evaluation.test_time_views",
            "flip",
            of(*MODELS, stages=["evaluate"]),
        ),
        ("params.yaml", "datasets.imagenet.image_size", 20, {"sources", "preprocess@imagenet"}),
    ],
)
def test_a_changed_choice_reruns_what_depends_on_it(workspace, path, place, value, expected):
    def change(content: dict) -> None:
        *parents, last = place.split(".")
        for parent in parents:
            content = content[parent]
        content[last] = value

    workspace.edit(path, change)
    assert workspace.outdated() == expected


@pytest.mark.parametrize(
    ("path", "changes", "expected"),
    [
        ("data/catalogues/sample.yaml", {"mnist": {"note": "other"}}, {"download@mnist"}),
        ("data/catalogues/sample.yaml", {"cifar10": {"note": "other"}}, set()),
        (
            "params.yaml",
            {"datasets": {"mnist": {"catalogue": "mirror"}}},
            {"download@mnist", "preprocess@mnist"},
        ),
        (
            "params.yaml",
            {"catalogue": "mirror", "datasets": {"mnist": {"catalogue": "sample"}}},
            {"download@imagenet", "preprocess@mnist"},
        ),
    ],
)
def test_what_is_fetched_again_when_catalogues_change(workspace, path, changes, expected):
    def change(content: dict, changes: dict = changes) -> None:
        for key, value in changes.items():
            if isinstance(value, dict):
                change(content[key], value)
            else:
                content[key] = value

    workspace.edit(path, change)
    assert workspace.repro("sources") == ["sources"]
    assert workspace.outdated() == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "networks/lstm.py",
            of("mnist-lstm", "imagenet-lstm", stages=ON_WEIGHTS),
        ),
        ("networks/cnn.py", of("mnist-cnn", stages=ON_WEIGHTS)),
        ("networks/gru.py", set()),
        ("training/loop.py", of(*MODELS, stages=["train"])),
        ("models/trained.py", of(*MODELS, stages=ON_WEIGHTS)),
        ("drawing/charts.py", of(*MODELS, stages=["evaluate", "insight"])),
        ("evaluation/views.py", of(*MODELS, stages=["evaluate"])),
        ("insight/occlusion.py", of(*MODELS, stages=["insight"])),
        ("tracking/notes.py", of(*MODELS, stages=["log"])),
        ("data/preprocess.py", {"preprocess@mnist", "preprocess@imagenet"}),
        ("data/fetch.py", {"download@mnist", "download@imagenet"}),
        ("tasks/rotation/task.py", set()),
        ("cli.py", set()),
        ("settings/recipe.py", set()),
    ],
)
def test_a_changed_file_reruns_what_uses_it(workspace, path, expected):
    with (workspace.root / "src" / "sightline" / path).open("a") as file:
        file.write("\n# changed\n")
    assert workspace.repro("code") == ["code"]
    assert workspace.outdated() == expected


def test_a_changed_recipe_runs_its_models_through_all_stages_and_no_other(workspace):
    workspace.edit("params.yaml", lambda p: p["recipes"]["cnn-4"].update(label_smoothing=0.1))
    assert set(workspace.repro()) == of("mnist-cnn")
    assert workspace.steps_executed("mnist-cnn") == 2 * (540 // 32)


def test_a_changed_file_with_the_same_result_stops_where_nothing_changes(workspace):
    with (workspace.root / "src" / "sightline" / "training" / "optim.py").open("a") as file:
        file.write("\n# changed\n")
    # the weights come out as they were, so nothing behind them has to run
    assert set(workspace.repro("log@mnist-cnn")) == {"code", "train@mnist-cnn"}


@pytest.mark.slow
def test_what_ran_once_comes_back_from_the_run_cache(workspace):
    change = {"label_smoothing": 0.2}
    workspace.edit("params.yaml", lambda p: p["recipes"]["cnn-4"].update(change))
    workspace.repro("evaluate@mnist-cnn")
    first = workspace.locked()
    workspace.run("git", "reset", "--quiet", "--hard", "HEAD")
    workspace.run("dvc", "checkout", "--quiet", "--force")
    workspace.edit("params.yaml", lambda p: p["recipes"]["cnn-4"].update(change))
    assert workspace.repro("evaluate@mnist-cnn") == []
    assert workspace.locked() == first


@pytest.mark.parametrize(
    ("victim", "processes"),
    [
        ("stage", 1),
        pytest.param("dvc", 1, marks=pytest.mark.slow),
        pytest.param("dvc", 2, marks=pytest.mark.slow),
    ],
)
def test_killed_in_training_and_repeated_equals_never_killed(workspace, victim, processes):
    epochs = {"stage": 30, "dvc": 31}[victim]  # what ran once would come from the run cache

    def longer(params: dict) -> None:
        params["recipes"]["rows-6"]["epochs"] = epochs
        params["compute"] |= {"checkpoint_seconds": 0, "processes": processes}

    workspace.edit("params.yaml", longer)
    checkpoints = workspace.root / ".sightline" / "checkpoints"
    command = ["dvc", "repro", "train@mnist-lstm"]
    dvc = subprocess.Popen(
        command, cwd=workspace.root, env=workspace.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: list(checkpoints.glob("mnist-lstm-*.pt")))
    time.sleep(0.5)
    stage = training_process(workspace)
    ranks = [rank.pid for rank in psutil.Process(stage).children()]
    assert len(ranks) == (processes if processes > 1 else 0)
    os.kill(stage if victim == "stage" else dvc.pid, signal.SIGKILL)
    assert dvc.wait(60) != 0
    wait_for(lambda: not any(map(alive, [stage, *ranks])))
    assert list(checkpoints.glob("mnist-lstm-*.pt"))
    assert workspace.repro("train@mnist-lstm") == ["train@mnist-lstm"]
    resumed = workspace.locked()["train@mnist-lstm"]
    assert 0 < workspace.steps_executed("mnist-lstm") < epochs * (540 // 32)
    assert workspace.repro("--single-item", "--force", "train@mnist-lstm", "--no-run-cache")
    assert workspace.locked()["train@mnist-lstm"] == resumed
    assert workspace.steps_executed("mnist-lstm") == epochs * (540 // 32)


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def training_process(workspace) -> int:
    """The process that trains in this workspace."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command_line = (process / "cmdline").read_bytes().split(b"\0")
            inside = (process / "cwd").readlink() == workspace.root
        except OSError:
            continue
        if (
            inside
            and b"train" in command_line
            and any(part.endswith((b"/sightline", b"sightline.cli")) for part in command_line)
        ):
            return int(process.name)
    raise AssertionError("no training process")


def test_a_corrupted_file_in_the_cache_is_noticed_and_made_anew(workspace):
    before = workspace.locked()
    out = workspace.root / "models" / "mnist-cnn" / "model.onnx"
    digest = hashlib.md5(out.read_bytes()).hexdigest()
    cached = workspace.root / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    cached.chmod(0o644)
    content = bytearray(cached.read_bytes())
    content[len(content) // 2] ^= 0xFF
    cached.write_bytes(bytes(content))
    out.unlink()
    workspace.repro("log@mnist-cnn")
    assert hashlib.md5(out.read_bytes()).hexdigest() == digest
    assert workspace.locked() == before


def test_a_mistake_in_params_stops_before_any_stage_runs(workspace):
    workspace.edit("params.yaml", lambda p: p["models"]["mnist-cnn"].update(recipe="cnn-7"))
    printed = workspace.run("sightline", "validate", check=False)
    assert "no recipe 'cnn-7': did you mean 'cnn-4'?" in printed and "Traceback" not in printed


@pytest.mark.slow
def test_from_nothing_everything_comes_out_the_same(workspace):
    before = workspace.locked()
    steps = {model: workspace.steps_executed(model) for model in MODELS}
    for path in ("data/raw", "data/processed", "data/code", "trained", "models", "reports",
                 "logged", ".dvc/cache", ".dvc/tmp", ".sightline", "dvc.lock"):  # fmt: skip
        subprocess.run(["rm", "-rf", str(workspace.root / path)], check=True)
    assert len(workspace.repro()) == 21
    assert workspace.locked() == before
    assert {model: workspace.steps_executed(model) for model in MODELS} == steps
    assert workspace.run("git", "status", "--porcelain") == ""
