"""The flow `reproduce` on a toy project, in this process, against a real server."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from toy_project import STAGES, wait_until

from sightline.errors import TryAgain
from sightline.host import gpus, locks
from sightline.layout import Layout
from sightline.pipeline.stage_commands import StageCommands


def test_first_run_runs_everything_once_then_nothing(new_toy, finished, reproduce, server):
    state, run = reproduce(new_toy)
    assert (state.type.value, state.message) == ("COMPLETED", "10 stages: 10 ran")
    assert new_toy.executed() == sorted(STAGES)
    assert new_toy.outputs() == finished.outputs(), "flow and dvc repro differ"
    tasks = server.task_runs(run, count=len(STAGES))
    assert {tasks[stage] for stage in STAGES} == {"Completed"}
    wait_until(lambda: "train@x says hello" in server.logs(run), "log lines in the UI")
    page = f"/flow-runs/flow-run/{run}: under Artifacts, `reproduce` has"
    wait_until(lambda: page in server.logs(run), "a line that says what to open")
    assert state.message in server.logs(run), "--watch shows the log and not the state's message"

    lock = (new_toy.root / "dvc.lock").read_bytes()
    began = time.process_time()
    state, run = reproduce(new_toy)
    seconds = time.process_time() - began
    assert state.message == "10 stages: 10 up to date"
    assert [name for name in server.task_runs(run) if "@" in name] == []
    assert new_toy.executed() == sorted(STAGES)
    assert (new_toy.root / "dvc.lock").read_bytes() == lock
    assert seconds < 10, f"nothing to do took {seconds:.1f} s of this process"


def test_one_changed_param_runs_what_uses_it_and_a_failure_stops_its_descendants(
    toy, reproduce, server
):
    for recipe in "xy":
        toy.params(lambda params, recipe=recipe: params["recipes"][recipe].update(epochs=2))
    toy.demand("train@x", fail="1")
    state, run = reproduce(toy)
    assert state.is_failed()
    assert state.message.splitlines()[0] == "10 stages: 3 ran, 1 failed, 2 not run, 4 up to date"
    assert state.message.splitlines()[1].startswith("train@x: train@x was told to fail")
    by_hand = f"cd {toy.root} && dvc --wait-for-lock repro --single-item train@x"
    assert state.message.endswith(by_hand)
    assert toy.executed() == ["export@y", "log@y", "train@x", "train@y"], "a failure is not retried"
    tasks = server.task_runs(run, count=6)
    assert tasks["train@x"] == "Failed"
    assert tasks["export@x"] == tasks["log@x"] == "NotReady"

    table = server.artifact(run)
    assert "| train@y | ran |" in table
    assert "| export@x | not run: one that it needs failed |" in table
    assert "train@x was told to fail" in table


def test_models_that_changed_are_announced_once(toy, reproduce, server):
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    _, run = reproduce(toy)
    related = {
        "related": {"id": [f"prefect.flow-run.{run}"]},
        "event": {"name": ["sightline.onnx.changed"]},
    }
    events = wait_until(
        lambda: server.post("/events/filter", filter=related)["events"], "the event"
    )
    payload = {"files": ["models/x/model.onnx"], "workspace": "."}
    assert [event["payload"] for event in events] == [payload]


def test_an_error_of_dvc_itself_is_the_cause(toy, reproduce):
    """The stage ends well, but leaves nothing."""
    toy.invalidate("train@x")
    toy.demand("train@x", fail="0")
    state, _ = reproduce(toy, "train@x")
    error = "train@x: output 'models/x/weights.pt' does not exist"
    assert state.message.splitlines()[1].startswith(error)


def test_only_what_passes_is_retried(toy, reproduce, server):
    toy.demand("log@x", fail="once 75")
    state, _ = reproduce(toy, "log@x", force=True)
    assert state.is_completed(), state.message
    assert toy.executed().count("log@x") == 2
    assert toy.executed().count("train@x") == 1


def test_a_stage_past_its_limit_is_ended_with_all_it_started(toy, reproduce, server):
    toy.params(lambda params: params["flows"]["time_limits"].update(log=8))
    toy.invalidate("log@x")
    toy.demand("log@x", sleep=600)
    state, run = reproduce(toy, "log@x")
    assert server.task_runs(run, count=1)["log@x"] == "TimedOut"
    assert "log@x: ran past its 8 s (flows.time_limits in params.yaml)" in state.message
    assert toy.survivors() == []


def test_slots_limit_what_runs_side_by_side(toy, reproduce, tmp_path, monkeypatch):
    for stage in ("train@x", "train@y"):
        toy.demand(stage, sleep=4)

    def overlap(epochs: int, slots: int) -> bool:
        toy.forget()
        toy.params(lambda params: params["flows"].update(cpu_slots=slots))
        for recipe in "xy":
            toy.params(lambda params: params["recipes"][recipe].update(epochs=epochs))  # noqa: B023
        state, _ = reproduce(toy, "train")
        assert state.is_completed(), state.message
        first, second = sorted(toy.executions(), key=lambda line: float(line[2]))
        return float(first[3]) > float(second[2])

    assert overlap(epochs=2, slots=2)
    assert not overlap(epochs=3, slots=1)

    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '7, GPU-a\\n8, GPU-b\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    toy.params(lambda params: params["compute"].update(processes=2))
    assert not overlap(epochs=4, slots=2), "two GPUs, one training of two processes"
    assert [devices for _, devices, *_ in toy.executions()] == ["7,8", "7,8"]


def test_overrides_leave_the_workspace_alone_and_are_kept_as_an_experiment(toy, reproduce):
    before = toy.outputs(), (toy.root / "params.yaml").read_text()
    state, run = reproduce(toy, overrides=["recipes.x.epochs=7"], name="..")
    assert state.message == "10 stages: 3 ran, 7 up to date"
    assert (toy.outputs(), (toy.root / "params.yaml").read_text()) == before
    assert list((toy.root / ".sightline/worktrees").iterdir()) == []
    (name,) = toy.shell("dvc", "exp", "list", "--name-only").split()
    toy.shell("dvc", "exp", "apply", name)
    assert "epochs: 7" in (toy.root / "params.yaml").read_text()
    assert toy.outputs() != before[0]
    assert toy.executed() == ["export@x", "log@x", "train@x"], "apply computes nothing"
    toy.shell("git", "checkout", "--quiet", "HEAD", "--", ".")
    state, again = reproduce(toy, "train@x", overrides=["recipes.x.epochs=8"], name="..")
    assert state.is_completed(), state.message
    names = toy.shell("dvc", "exp", "list", "--name-only").split()
    assert sorted(names) == sorted(f"run-{id[-8:]}" for id in (run, again)), "one name, two runs"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("recipes.z.epochs=7", "Could not override 'recipes.z.epochs'"),
        ("recipes.x.epochs=many", "recipes.x.epochs: input should be a valid integer"),
        ("recipes.x.epochs=0", "recipes.x.epochs: input should be greater than or equal to 1"),
    ],
)
def test_wrong_overrides_are_errors_before_anything_runs(toy, reproduce, override, says):
    state, _ = reproduce(toy, overrides=[override])
    assert state.is_failed()
    assert says in state.message
    assert toy.executed() == []


@pytest.mark.faults
def test_overrides_where_other_stages_never_ran_are_kept(new_toy, reproduce):
    state, run = reproduce(new_toy, "train@x", overrides=["recipes.x.epochs=7"], name="one")
    assert state.is_completed(), state.message
    names = new_toy.shell("dvc", "exp", "list", "--name-only").split()
    assert names == [f"one-{run[-8:]}"]
    assert not (new_toy.root / "dvc.lock").exists()


@pytest.mark.faults
def test_overrides_without_a_name_in_git_are_refused_first(toy, reproduce, monkeypatch):
    for place in ("GLOBAL", "SYSTEM"):
        monkeypatch.setenv(f"GIT_CONFIG_{place}", os.devnull)
    for part in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{part}", raising=False)
    toy.shell("git", "config", "user.useConfigOnly", "true")
    state, _ = reproduce(toy, overrides=["recipes.x.epochs=9"])
    assert state.is_failed() and "set git's user.name and user.email" in state.message
    assert toy.executed() == []


def test_overrides_start_from_a_commit(toy, reproduce):
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    state, _ = reproduce(toy, overrides=["recipes.y.epochs=7"])
    assert "not committed (params.yaml): commit them first" in state.message


def test_an_unknown_target_is_answered_with_the_nearest_and_somebody_told(toy, reproduce, told):
    state, _ = reproduce(toy, "train@xx")
    assert state.message.startswith("no stage 'train@xx': did you mean 'train@x'?")
    (post,) = told
    assert post["text"].startswith("reproduce '")
    assert "' ended as Failed: no stage 'train@xx'" in post["text"]


@pytest.mark.parametrize("left", ["no YAML", "no entry behind a name", "nothing"])
def test_files_that_a_killed_dvc_left_half_written_heal(toy, reproduce, finished, left):
    lock = toy.root / "dvc.lock"
    text = lock.read_text()
    name_alone = text[: text.index("cmd:")].rstrip()
    halves = {
        "no YAML": text[:300] + "\n  : [",
        "no entry behind a name": name_alone,
        "nothing": "",
    }
    lock.write_text(halves[left])
    (toy.root / ".dvc/tmp/rwlock").write_text('{"write": {')
    state, _ = reproduce(toy)
    assert state.message == "10 stages: 10 restored", "nothing is computed again"
    assert toy.executed() == []
    assert toy.locked() == finished.locked()


def test_a_task_that_breaks_by_itself_fails_the_run(toy, reproduce, monkeypatch):
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))

    def breaks(self, *_):
        raise MemoryError("no room")

    monkeypatch.setattr("sightline.pipeline.stage_commands.StageCommands.run", breaks)
    state, _ = reproduce(toy)
    assert state.name == "Failed"
    assert "train@x: " in state.message and "no room" in state.message
    assert f"by hand: cd {toy.root} && dvc" in state.message


def test_a_second_flow_waits_for_the_first_then_says_who_holds_the_workspace(toy, reproduce):
    toy.params(lambda params: params["flows"].update(lock_wait=2))
    with locks.workspace_lock(toy.root / ".sightline/locks", "flow run 'the-first'", 0, print):
        state, _ = reproduce(toy)
    assert state.name == "TryAgain"
    assert "is held by flow run 'the-first'" in state.message
    assert "let it finish or cancel it, then run this again" in state.message


def test_two_flows_at_once_on_one_workspace_run_every_stage_once(toy, reproduce, server):
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    toy.demand("train@x", sleep=3)
    other = subprocess.Popen(
        [sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    state, _ = reproduce(toy)
    printed, _ = other.communicate(timeout=180)
    assert state.is_completed(), state.message
    assert "Completed" in printed, printed
    assert toy.executed() == ["export@x", "log@x", "train@x"]


def test_a_stage_that_waits_for_a_gpu_keeps_no_benchmark_waiting(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_LOCKS", str(tmp_path))
    monkeypatch.setattr(gpus, "visible", lambda: ["0"])
    waits, listener = threading.Event(), SimpleNamespace()
    listener.note = lambda line: waits.set() if line.startswith("too few GPUs") else None
    settings = SimpleNamespace(
        flows=SimpleNamespace(lock_wait=0.0, time_limits={"train": 2.0}),
        compute=SimpleNamespace(device="auto", processes=1),
    )
    here = StageCommands(Layout(tmp_path), settings, listener, None)
    ended = []

    def stage():
        with pytest.raises(TryAgain, match="too few GPUs"):
            here.run("train@x", "true", tmp_path, {})
        ended.append(True)

    with gpus.hold(["0"], 1, 0, print):
        waiting = threading.Thread(target=stage)
        waiting.start()
        assert waits.wait(10)
        with locks.processors(True, 0, print):
            pass
        waiting.join(timeout=30)
    assert ended


def test_a_dvc_at_work_is_waited_for(toy, reproduce):
    """A person's own `dvc repro` holds the repository's lock while it saves."""
    import zc.lockfile

    lock = zc.lockfile.LockFile(str(toy.root / ".dvc/tmp/lock"))
    threading.Timer(6, lock.close).start()  # dvc itself gives up after 3
    state, _ = reproduce(toy)
    assert state.message == "10 stages: 10 up to date"


def test_a_workspace_that_cannot_be_written_is_an_error(toy, server):
    toy.shell("chmod", "-R", "a-w", str(toy.root))
    # root may write anywhere, unless that privilege is given up
    powers = "-dac_override,-dac_read_search"
    obey = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"] * (os.geteuid() == 0)
    done = subprocess.run(
        [*obey, sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    toy.shell("chmod", "-R", "u+w", str(toy.root))
    assert "Finished in state Failed" in done.stdout, done.stdout
    assert "Permission denied: the flow must be able to write to its workspace" in done.stdout
    assert toy.executed() == []


def test_a_flow_run_by_hand_reports_to_nobody():
    quiet = {"DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "PREFECT_API_URL"}
    ask = (
        "import flows.reproduce, os; from prefect.settings import get_current_settings as now;"
        "print(now().server.analytics_enabled, os.environ['DO_NOT_TRACK'])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=Path(__file__).parents[2],
        env={key: value for key, value in os.environ.items() if key not in quiet},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["False", "1"]
