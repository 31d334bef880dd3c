"""Deployments of prefect.yaml on a real server, run by real workers."""

import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest
from toy_project import starter_of, wait_until

from flows.services import lifecycle


@pytest.fixture(scope="module")
def deployed(server, finished, tmp_path_factory):
    """A toy workspace whose deployments are on the server and whose flows a worker runs."""
    toy = finished.copy_to(tmp_path_factory.mktemp("deployed") / "toy")
    server.deploy(toy)
    with server.worker(toy):
        yield toy


def change(toy, stage_epochs: int) -> None:
    toy.forget()
    toy.params(lambda params: params["recipes"]["x"].update(epochs=stage_epochs))


def test_deployments_say_when_where_and_what_they_take(server, deployed):
    deployments = {
        server.get(f"/flows/{d['flow_id']}")["name"] + "/" + d["name"]: d
        for d in server.post("/deployments/filter")
    }
    assert {"reproduce/nightly", "reproduce/now", "train/now", "stage/gpu"} <= set(deployments)
    nightly = deployments["reproduce/nightly"]
    (schedule,) = nightly["schedules"]
    assert schedule["schedule"]["cron"] == "0 2 * * *"
    assert schedule["schedule"]["timezone"] == "Etc/UTC"
    assert nightly["global_concurrency_limit"]["limit"] == 1
    assert nightly["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    for name, deployment in deployments.items():
        assert deployment["description"], name
        assert "sightline" in deployment["tags"], name
        assert deployment["enforce_parameter_schema"], name
    form = deployments["reproduce/now"]["parameter_openapi_schema"]["properties"]
    assert list(form) == ["targets", "overrides", "force"]
    assert all(field["description"] for field in form.values())


@pytest.mark.parametrize(
    ("deployment", "parameters"),
    [
        ("reproduce/now", {"targets": ["train@x; rm -rf /"]}),
        ("reproduce/now", {"targets": "train@x"}),
        ("reproduce/now", {"force": "perhaps"}),
        ("train/now", {"model": "MNIST CNN"}),
        ("train/now", {}),
    ],
)
def test_parameters_out_of_range_are_refused(server, deployed, deployment, parameters):
    with pytest.raises(httpx.HTTPStatusError) as refused:
        server.start_run(deployment, **parameters)
    assert refused.value.response.status_code in (409, 422)


def test_a_worker_runs_one_model_on_demand(server, deployed):
    change(deployed, 2)
    deployed.params(lambda params: params["recipes"]["y"].update(epochs=2))
    state = server.final(server.start_run("train/now", model="x"))
    assert state["name"] == "Completed", state
    assert deployed.executed() == ["export@x", "log@x", "train@x"]


def test_registering_says_that_it_goes_on(server, deployed, monkeypatch, capfd):
    monkeypatch.setattr(lifecycle, "PATIENCE", 1)
    server.deploy(deployed)
    assert "registering, 1 s so far" in capfd.readouterr().err


def test_watching_shows_the_log_and_what_to_open(server, deployed):
    change(deployed, 7)
    command = ["prefect", "deployment", "run", "train/now", "--watch", "-p", "model=x"]
    watched = subprocess.run(
        command, env=server.env, capture_output=True, text=True, timeout=300, check=True
    )
    printed = " ".join(watched.stdout.split())  # it wraps its lines
    assert "train@x says hello" in printed, watched.stdout
    assert "3 ran" in printed
    assert "under Artifacts, `reproduce` has the tables" in printed


def test_cancelling_ends_the_stage_too(server, deployed):
    change(deployed, 3)
    deployed.demand("train@x", sleep=600)
    run = server.start_run("reproduce/now", targets=["train@x"])
    wait_until(lambda: deployed.runs("train@x"), "train@x at work")
    server.post(f"/flow_runs/{run}/set_state", state={"type": "CANCELLING", "name": "Cancelling"})
    assert server.final(run)["type"] == "CANCELLED"
    wait_until(lambda: not deployed.survivors(), "no survivors", 10)
    deployed.demand("train@x", sleep=0)


def test_a_killed_engine_leaves_no_stage_and_counts_as_crashed(server, deployed):
    change(deployed, 4)
    deployed.demand("train@x", sleep=600)
    run = server.start_run("reproduce/now", targets=["train@x"])
    stage = wait_until(lambda: deployed.runs("train@x"), "train@x at work")
    engine = starter_of(stage)
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: not deployed.survivors(), "no survivors", 5)
    assert server.final(run)["type"] == "CRASHED"
    deployed.demand("train@x", sleep=0)
    state = server.final(server.start_run("reproduce/now", targets=["train@x"]))
    assert state["name"] == "Completed", "the next run takes up the work"
    assert deployed.executed() == ["train@x"]


def test_a_schedule_really_fires(server, deployed):
    change(deployed, 5)
    deployment = server.get("/deployments/name/reproduce/now")["id"]
    path = f"/deployments/{deployment}/schedules"
    every = {"schedule": {"interval": 5}, "active": True}
    schedule = server.ask("POST", path, [every])[0]["id"]
    try:
        wait_until(lambda: "train@x" in deployed.executed(), "a scheduled run")
    finally:
        server.ask("DELETE", f"{path}/{schedule}")
    runs = server.post("/flow_runs/filter", deployments={"id": {"any_": [deployment]}})
    scheduled = [run for run in runs if run["auto_scheduled"]]
    assert scheduled
    wait_until(lambda: not deployed.survivors(), "the end of the scheduled runs")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_that_nobody_is_left_to_report_is_marked_crashed(server, deployed, toy):
    """No worker watches this engine: the automation on missing heartbeats has to see it."""
    change(toy, 6)
    toy.demand("train@x", sleep=600)
    engine = subprocess.Popen(
        [sys.executable, "-m", "flows.reproduce"], cwd=toy.root, env=server.env,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    stage = wait_until(lambda: toy.runs("train@x"), "train@x at work")
    assert starter_of(stage) == engine.pid
    time.sleep(3)  # a first heartbeat has been sent
    engine.kill()
    printed, _ = engine.communicate(timeout=30)
    run = re.search(r"runs/flow-run/([0-9a-f-]{36})", printed)[1]
    assert server.state(run)["type"] == "RUNNING"
    assert server.final(run, patience=240)["type"] == "CRASHED"
    assert "no heartbeat" in server.state(run)["message"]
    assert toy.survivors() == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_server_that_goes_away_and_comes_back(server, deployed):
    """The stages go on meanwhile; the run ends, and says so when the server is back."""
    change(deployed, 7)
    deployed.demand("train@x", sleep=20)
    run = server.start_run("reproduce/now")
    wait_until(lambda: deployed.runs("train@x"), "train@x at work")
    server.end_server()
    time.sleep(10)
    server.start()
    assert server.final(run)["name"] == "Completed"
    assert deployed.executed() == ["export@x", "log@x", "train@x"]
    deployed.demand("train@x", sleep=0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_nightly_runs_the_newest_commit_in_a_clone_of_its_own(server, deployed):
    change(deployed, 8)
    deployed.commit()
    before = deployed.outputs()
    state = server.final(server.start_run("reproduce/nightly"))
    assert state["name"] == "Completed", state
    clone = deployed.root / ".sightline" / "clones" / "nightly"
    assert "epochs: 8" in (clone / "params.yaml").read_text()
    assert deployed.executed() == ["export@x", "log@x", "train@x"], "the rest came from the cache"
    assert deployed.outputs() == before, "the workspace is left alone"
    state = server.final(server.start_run("reproduce/now"))
    assert state["message"] == "10 stages: 3 restored, 7 up to date"
    assert len(deployed.executed()) == 3
