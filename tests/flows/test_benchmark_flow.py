"""The flow `benchmark` on real exported models, and its deployment, against a real server."""

import shutil
from pathlib import Path

import measurable
import pytest
from toy_project import wait_until

from sightline.benchmark import records
from sightline.layout import Layout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _locks_of_our_own(tmp_path_factory):
    """Neither wait for what else runs on this machine nor hold it up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("benchmark") / "exported"
    measurable.make(root, "mlp", "gru")
    return root


@pytest.fixture
def benchmark(prefect, exported, tmp_path, monkeypatch):
    """Call the flow in a copy of the workspace, in this process: (state, id of the flow run)."""
    root = tmp_path / "workspace"
    shutil.copytree(exported, root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def call(*models: str, **parameters):
        from flows.benchmark import benchmark

        state = benchmark(list(models), **parameters, return_state=True)
        return state, str(state.state_details.flow_run_id)

    call.layout = Layout(root)
    return call


def test_measures_what_has_no_record_once_and_shows_it(benchmark, server):
    state, run = benchmark()
    assert state.message == "2 models measured, 0 had a record already", state
    assert server.task_runs(run, count=2) == {"mlp": "Completed", "gru": "Completed"}
    wait_until(lambda: "mlp: measuring" in server.logs(run), "log lines in the UI")
    page = f"/flow-runs/flow-run/{run}: under Artifacts, `benchmark` has"
    wait_until(lambda: page in server.logs(run), "a line that says what to open")
    assert state.message in server.logs(run), "--watch shows the log and not the state's message"
    artifact = server.artifact(run)
    for name in ("mlp", "gru"):
        assert f"| {name}   | fp32" in artifact
        assert f"| {name}   | torch eager" in artifact
        assert len(records.read_all(benchmark.layout, name)) == 1
    assert "no int8 kernel for GRU" in artifact and "NOT real" in artifact
    assert artifact.count("](data:image/png;base64,iVBOR") == 2

    state, run = benchmark()
    assert state.message == "0 models measured, 2 had a record already"
    assert server.task_runs(run) == {}
    assert server.artifact(run).count("data:image/png") == 2


def test_a_model_that_cannot_be_measured_stops_no_other_one(benchmark, server):
    benchmark.layout.model("mlp").onnx.write_bytes(b"no model")
    state, run = benchmark()
    assert (state.type.value, state.name) == ("FAILED", "Failed")
    assert state.message.startswith("1 models measured, 1 failed")
    assert "mlp: models/mlp/model.onnx: not a model that onnxruntime" in state.message
    assert server.task_runs(run, count=2) == {"mlp": "Failed", "gru": "Completed"}


def test_a_model_that_became_slower_is_in_the_state(benchmark, server):
    assert benchmark("gru")[0].is_completed()
    (old,) = records.read_all(benchmark.layout, "gru")
    measurable.slowed(old, 1000)
    state, run = benchmark("gru")
    assert (state.type.value, state.name) == ("FAILED", "Regression")
    assert "1 slower than before" in state.message
    assert f"gru is slower than in {Path(old['path']).stem} (the same file)" in state.message
    assert server.task_runs(run, count=1) == {"gru": "Regression"}


def test_bad_parameters_end_in_a_line(benchmark):
    state, _ = benchmark("mpl")
    assert state.is_failed()
    assert state.message.startswith("no model 'mpl' under models: in params.yaml: did you mean")
    state, _ = benchmark(workspace="nowhere")
    assert state.is_failed() and "nowhere/params.yaml: no such file" in state.message
    state, _ = benchmark(workspace="../elsewhere")
    assert state.is_failed() and "workspace" in state.message


def test_a_changed_onnx_file_starts_the_deployment_where_it_changed(toy, reproduce, server):
    server.deploy(toy)
    deployment = server.get("/deployments/name/benchmark/weekly")
    assert [s["schedule"]["cron"] for s in deployment["schedules"]] == ["0 5 * * 0"]
    assert deployment["schedules"][0]["parameters"] == {"workspace": ".sightline/clones/nightly"}
    assert deployment["global_concurrency_limit"]["limit"] == 1
    form = deployment["parameter_openapi_schema"]["properties"]
    assert list(form) == ["models", "force", "workspace"]
    assert all(field["description"] for field in form.values())

    of_it = {"deployments": {"id": {"any_": [deployment["id"]]}}}
    # other tests on this server may have started it, too
    before = [run["id"] for run in server.post("/flow_runs/filter", **of_it)]
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    state, _ = reproduce(toy, "export@x")
    assert state.is_completed(), state.message
    (run,) = wait_until(
        lambda: [
            run
            for run in server.post("/flow_runs/filter", **of_it)
            if not run["auto_scheduled"] and run["id"] not in before
        ],
        "the run that the event starts",
    )
    try:
        assert run["parameters"] == {"workspace": "."}
    finally:
        server.ask("DELETE", f"/flow_runs/{run['id']}")
