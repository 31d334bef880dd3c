import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import socket
from threading import Thread

import numpy as np
import pytest
import yaml
from results import make_results

from sightline.errors import SightlineError, TryAgain
from sightline.layout import Layout
from sightline.tracking import connection, locked_results, store
from sightline.tracking.log import complete, log

TITLE = "sample-mnist-classify"


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A store that was made and never written, to copy: making one takes seconds."""
    root = tmp_path_factory.mktemp("empty")
    connection.create(store.find(Layout(root)))
    return root / ".sightline"


@pytest.fixture
def project(tmp_path, empty_store) -> Path:
    root = tmp_path / "my project ü"  # paths are URIs in MLflow: both characters need care
    shutil.copytree(empty_store, root / ".sightline")
    return root


@pytest.fixture(scope="session")
def processes():
    """Processes that have imported MLflow already and share nothing else with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "sightline.tracking.log",
            "mlflow.onnx",
            "mlflow.pyfunc.scoring_server",
            "mlflow.store.model_registry.sqlalchemy_store",
            "mlflow.store.tracking.sqlalchemy_store",
            "matplotlib.backends.backend_agg",
            "onnxruntime",
        ]
    )
    return context


def client(root: Path | None = None, server: str | None = None):
    from mlflow import MlflowClient

    return MlflowClient(server or store.find(Layout(root)).uri)


def run_of(tracking, name: str):
    """The one run of a model."""
    experiment = tracking.get_experiment_by_name(TITLE)
    (run,) = tracking.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return run


def census(tracking) -> dict:
    """How often everything stands in a store: what a second log must leave as it is."""
    runs = [
        run
        for experiment in tracking.search_experiments()
        for run in tracking.search_runs([experiment.experiment_id])
    ]
    ids = [experiment.experiment_id for experiment in tracking.search_experiments()]
    return {
        "runs": sorted((run.info.run_name, run.info.status) for run in runs),
        "points": {
            (run.info.run_name, key): len(tracking.get_metric_history(run.info.run_id, key))
            for run in runs
            for key in run.data.metrics
        },
        "artifacts": {
            (run.info.run_name, folder): sorted(
                file.path for file in tracking.list_artifacts(run.info.run_id, folder)
            )
            for run in runs
            for folder in ("pictures", "tables", "insight/pictures", "insight/tables", "reports")
        },
        "datasets": {run.info.run_name: len(run.inputs.dataset_inputs) for run in runs},
        "models": sorted(str(model.status) for model in tracking.search_logged_models(ids)),
        "versions": sorted(
            (version.version, version.tags["model"]) for version in tracking.search_model_versions()
        ),
    }


def champion(root: Path) -> str | None:
    return client(root).get_registered_model(TITLE).aliases.get("champion")


def test_what_a_record_holds(project):
    layout = make_results(project, epochs=3, seconds=12.5)
    log("mnist-cnn", layout)
    tracking = client(project)
    run = run_of(tracking, "mnist-cnn")
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 12500  # the training's, not the logging's
    assert run.data.params["optimizer.name"] == "sgd"
    assert run.data.params["network.widths"] == "[16, 32]"
    assert run.data.params["data.train_images"] == "54"
    assert run.data.params["compute.threads"] == "2"
    assert run.data.metrics["val_top1"] == 0.9
    assert run.data.metrics["test_ece"] == 0.02
    assert (
        run.data.metrics["onnx_bytes"] == (project / "models/mnist-cnn/model.onnx").stat().st_size
    )
    curve = tracking.get_metric_history(run.info.run_id, "epoch/train_loss")
    assert [(p.step, p.value) for p in curve] == [(1, 1), (2, 0.5), (3, pytest.approx(1 / 3))]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("sample-mnist", "d" * 8)
    assert run.data.tags["real_data"] == "false"
    assert "Not real data" in run.data.tags["mlflow.note.content"]
    assert "dvc repro log@mnist-cnn" in run.data.tags["mlflow.note.content"]
    assert run.data.tags["hardware.processor"] == "a CPU"
    assert champion(project) == 1


def test_the_champion_answers_as_an_mlflow_model(project, monkeypatch):
    log("mnist-cnn", make_results(project))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.find(Layout(project)).uri)
    import mlflow

    model = mlflow.pyfunc.load_model(f"models:/{TITLE}@champion")
    assert model.metadata.signature.inputs.input_names() == ["images"]
    assert model.metadata.signature.inputs.inputs[0].shape == (-1, 4, 4, 1)
    answer = model.predict({"images": np.full((2, 4, 4, 1), 9, np.uint8)})
    assert answer["probabilities"].sum(1) == pytest.approx([1, 1])
    # the file is ours, byte for byte in its graph: a run outside MLflow is the same model
    import onnx

    logged = mlflow.onnx.load_model(f"models:/{TITLE}@champion")
    assert logged == onnx.load(project / "models/mnist-cnn/model.onnx")


def test_params_have_the_same_keys_whatever_the_network(project):
    make_results(project, "mnist-cnn")
    records = locked_results.read_all(make_results(project, "mnist-lstm"))
    cnn, lstm = (records[name].params() for name in ("mnist-cnn", "mnist-lstm"))
    assert {k for k in cnn if not k.startswith("network.")} == {
        k for k in lstm if not k.startswith("network.")
    }
    assert (cnn["network.widths"], lstm["network.hidden_size"]) == ([16, 32], 128)


def test_logged_twice_counts_once(project):
    layout = make_results(project)
    log("mnist-cnn", layout)
    before, left = census(client(project)), (project / "reports/mnist-cnn/logged.json").read_text()
    log("mnist-cnn", layout)
    complete(layout)
    # as if the last write, and with it the knowledge that nothing is missing, had been lost
    run = run_of(client(project), "mnist-cnn")
    client(project).delete_tag(run.info.run_id, store.COMPLETE)
    log("mnist-cnn", layout)
    assert census(client(project)) == before
    assert (project / "reports/mnist-cnn/logged.json").read_text() == left
    assert json.loads(left) == {
        "fingerprint": locked_results.read("mnist-cnn", layout).fingerprint,
        "registered_model": TITLE,
    }


def _log_until(point: int, seen, name: str, layout: Layout) -> None:
    """Log, and end by SIGKILL before the `point`th SQL statement or file that is written."""
    import sqlalchemy

    def tick(*_) -> None:
        seen.value += 1
        if seen.value == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def opened(event: str, arguments: tuple) -> None:
        if event == "open" and ".sightline/mlflow/artifacts" in str(arguments[0]):
            tick()

    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "before_cursor_execute", tick)
    sqlalchemy.event.listen(sqlalchemy.engine.Engine, "commit", tick)
    sys.addaudithook(opened)
    log(name, layout)


def test_killed_anywhere_and_logged_again(project, processes):
    make_results(project)

    def killed_at(point: int, root: Path) -> int:
        seen = processes.Value("i", 0)
        arguments = (point, seen, "mnist-cnn", Layout(root))
        child = processes.Process(target=_log_until, args=arguments)
        child.start()
        child.join()
        assert child.exitcode == (-signal.SIGKILL if point else 0)
        return seen.value

    untouched = shutil.copytree(project, project.parent / "whole")
    points, expected = killed_at(0, untouched), census(client(untouched))
    assert points > 50
    for point in np.linspace(1, points, 6).astype(int):
        root = shutil.copytree(project, project.parent / f"killed at {point}")
        killed_at(point, root)
        assert not store.find(Layout(root)).complete()
        assert not (root / "reports/mnist-cnn/logged.json").exists()
        log("mnist-cnn", Layout(root))
        assert census(client(root)) == expected, f"killed at {point} of {points}"


@pytest.mark.slow
def test_four_at_once_on_a_store_that_does_not_exist(tmp_path, processes):
    names = ["mnist-cnn", "mnist-lstm", "mnist-gru", "mnist-mlp"]
    for name in names:
        make_results(tmp_path, name)
    children = [processes.Process(target=log, args=(name, Layout(tmp_path))) for name in names]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    counted = census(client(tmp_path))
    assert [name for name, _ in counted["runs"]] == sorted(names)
    assert [version for version, _ in counted["versions"]] == [1, 2, 3, 4]


def test_complete_writes_what_is_missing_and_names_what_is_stale(project, caplog):
    make_results(project, "mnist-cnn")
    layout = make_results(project, "mnist-lstm")
    (project / "reports/mnist-lstm/metrics.json").write_text("{}")
    complete(layout)
    assert [name for name, _ in census(client(project))["runs"]] == ["mnist-cnn"]
    assert "reports/mnist-lstm/metrics.json is not what dvc.lock names" in caplog.text
    assert "dvc repro log@mnist-lstm" in caplog.text
    assert not (project / "reports/mnist-cnn/logged.json").exists()  # that is the stage's to leave


def test_results_that_do_not_belong_together_are_not_logged(project):
    layout = make_results(project)
    lock = layout.lock.read_text()
    weights = locked_results.read("mnist-cnn", layout).stages["evaluate"]["deps"][2]
    assert weights["path"].endswith("weights.pt")
    head, tail = lock.split("export@mnist-cnn")  # evaluate's entry stands before export's
    layout.lock.write_text(head.replace(weights["md5"], "f" * 32) + "export@mnist-cnn" + tail)
    with pytest.raises(SightlineError, match=r"evaluate@mnist-cnn ran on another .*weights.pt"):
        log("mnist-cnn", layout)


def test_a_model_that_never_ran(tmp_path):
    with pytest.raises(SightlineError, match="run `dvc repro log@mnist-cnn`"):
        log("mnist-cnn", Layout(tmp_path))


def test_equal_results_have_equal_fingerprints_whatever_their_timing_and_code(project):
    layout = make_results(project, seconds=10)
    first = locked_results.read("mnist-cnn", layout).fingerprint
    make_results(project, seconds=20)
    assert locked_results.read("mnist-cnn", layout).fingerprint == first
    # changed code, equal results: DVC does not run log again, so it must not be a new record
    layout.lock.write_text(layout.lock.read_text().replace("sightline export", "sightline  export"))
    assert locked_results.read("mnist-cnn", layout).fingerprint == first
    make_results(project, val_top1=0.91)
    assert locked_results.read("mnist-cnn", layout).fingerprint != first


def test_the_fingerprint_is_of_what_the_log_stage_depends_on(project):
    """Else DVC would skip a record that is missing, or run log for one that is there."""
    root = Path(__file__).parent.parent.parent
    log = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["log"]["do"]
    deps = {dep.replace("${key}", "mnist-cnn") for dep in log["deps"]}
    layout = make_results(project)
    outs = locked_results.read("mnist-cnn", layout).outs
    left_out = ("weights.pt", "README.md", "timing.json")
    kept = {path for path in outs if not path.endswith(left_out)}
    assert kept == {dep for dep in deps if not dep.startswith("src/")}


def test_retrained_to_equal_results_after_a_kill(project):
    """The second training took other seconds: the record still has one point of each figure."""
    layout = make_results(project, seconds=10)
    log("mnist-cnn", layout)
    before = census(client(project))
    run = run_of(client(project), "mnist-cnn")
    client(project).delete_tag(run.info.run_id, store.COMPLETE)
    make_results(project, seconds=20)
    log("mnist-cnn", layout)
    assert census(client(project)) == before


def test_champion_is_the_best_on_val_among_equals(project):
    def logged(name, **results):
        log(name, make_results(project, name, **results))
        return champion(project)

    assert logged("mnist-lstm", val_top1=None) is None  # no val split: never chosen
    assert logged("mnist-cnn", val_top1=0.90) == 2
    assert logged("mnist-mlp", val_top1=0.85) == 2
    assert logged("mnist-gru", val_top1=0.95) == 4
    assert logged("mnist-rnn", val_top1=0.95) == 4  # of two equals the older one
    assert logged("mnist-irnn", val_top1=0.5, data_md5="e" * 32) == 6  # another val split
    assert logged("mnist-cnn", val_top1=0.6, data_md5="e" * 32) == 7


def test_a_version_that_somebody_registered_by_hand_is_no_rival(project):
    log("mnist-cnn", make_results(project, val_top1=0.9))
    with connection.connected(store.find(Layout(project))) as tracking:
        ours = tracking.get_model_version(TITLE, "1")
        for tags in ({}, {"val_top1": "0.99"}):
            tracking.create_model_version(TITLE, ours.source, ours.run_id, tags)
    log("mnist-lstm", make_results(project, "mnist-lstm", val_top1=0.95))
    assert champion(project) == 4
    # a record that is completed finds its own version, not one made by hand from its run
    tracking = client(project)
    tracking.delete_tag(run_of(tracking, "mnist-cnn").info.run_id, store.COMPLETE)
    log("mnist-cnn", make_results(project, val_top1=0.9))
    assert len(tracking.search_model_versions(f"name = '{TITLE}'")) == 4


def test_a_user_without_a_name_logs_by_number(project, monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_000_670_000)  # as OpenShift gives them
    log("mnist-cnn", make_results(project))
    assert run_of(client(project), "mnist-cnn").data.tags["mlflow.user"] == "1000670000"


def test_another_catalogue_is_another_experiment_and_registered_model(project):
    log("mnist-cnn", make_results(project))
    log("mnist-cnn", make_results(project, catalogue="mirror"))
    tracking = client(project)
    assert {e.name for e in tracking.search_experiments()} == {TITLE, "mirror-mnist-classify"}
    real = tracking.get_registered_model("mirror-mnist-classify")
    assert "Not real data" not in real.description


def test_a_run_that_was_deleted_stays_deleted(project):
    layout = make_results(project)
    log("mnist-cnn", layout)
    tracking = client(project)
    tracking.delete_run(run_of(tracking, "mnist-cnn").info.run_id)
    complete(layout)
    log("mnist-cnn", layout)
    assert census(tracking)["runs"] == []


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_the_store_goes_with_its_folder(project, move, monkeypatch):
    make_results(project, "mnist-cnn")
    complete(make_results(project, "mnist-lstm", val_top1=0.95))
    elsewhere = project.parent / "else where"
    move(project, elsewhere)
    shutil.rmtree(project, ignore_errors=True)
    layout = Layout(elsewhere)
    complete(layout)  # nothing to write; mends the paths
    tracking = client(elsewhere)
    run = run_of(tracking, "mnist-cnn")
    picture = tracking.download_artifacts(run.info.run_id, "pictures/wrongest.png")
    kept = elsewhere / "reports/mnist-cnn/pictures/wrongest.png"
    assert Path(picture).read_bytes() == kept.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.find(layout).uri)
    import mlflow

    assert mlflow.onnx.load_model(f"models:/{TITLE}@champion").graph.name == "linear"
    log("mnist-gru", make_results(elsewhere, "mnist-gru"))  # and it can be added to
    assert not project.exists()


def test_the_store_outlives_a_copy_of_the_workspace(project):
    copy = project / ".dvc/tmp/exps/tmpabc"
    log("mnist-cnn", make_results(copy))
    assert [name for name, _ in census(client(project))["runs"]] == ["mnist-cnn"]
    assert not (copy / ".sightline").exists()
    assert (copy / "reports/mnist-cnn/logged.json").exists()


def test_nothing_to_do_needs_no_mlflow(project):
    log("mnist-cnn", make_results(project))
    code = """import sys; from sightline.cli import main
assert main(["log"]) == 0 and main(["log", "mnist-cnn"]) == 0
assert "mlflow" not in sys.modules"""
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True)


def _log_and_look_for(module: str, name: str, layout: Layout) -> None:
    log(name, layout)
    sys.exit(module in sys.modules)


def test_logging_imports_no_torch(project, processes):
    layout = make_results(project)
    child = processes.Process(target=_log_and_look_for, args=("torch", "mnist-cnn", layout))
    child.start()
    child.join()
    assert child.exitcode == 0


def _log_without_room(name: str, layout: Layout) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))  # bytes in a file
    with pytest.raises(SightlineError, match=r"mlflow.db: disk I/O error: when that is mended"):
        log(name, layout)


def test_a_store_that_there_is_no_room_for(project, processes):
    layout = make_results(project)
    shutil.rmtree(project / ".sightline")
    child = processes.Process(target=_log_without_room, args=("mnist-cnn", layout))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not (project / ".sightline" / "mlflow" / "mlflow.db").exists()
    assert not (project / "reports/mnist-cnn/logged.json").exists()


def test_tracking_uri_that_is_no_server(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    with pytest.raises(SightlineError, match=r"sqlite:///other.db.* is no server"):
        log("mnist-cnn", make_results(project))


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_server_that_is_not_there(project, monkeypatch):
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    layout, started = make_results(project), time.monotonic()
    with pytest.raises(TryAgain, match=f"{uri} did not take the run.*run `sightline log`"):
        log("mnist-cnn", layout)
    assert time.monotonic() - started < 20
    assert not (project / "reports/mnist-cnn/logged.json").exists()


def test_server_that_says_nothing(project, monkeypatch):
    monkeypatch.setattr(connection, "SETTINGS", connection.SETTINGS)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")  # 15 s where nobody sets it
    with socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(TryAgain, match="did not take the run"):
            log("mnist-cnn", make_results(project))


class _Refuses(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(403)
        self.end_headers()
        self.wfile.write(b"Invalid Host header")

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_server_that_refuses(project, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), _Refuses) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(SightlineError, match=r"403.*Invalid Host header") as caught:
            log("mnist-cnn", make_results(project))
        assert not isinstance(caught.value, TryAgain)  # trying again would not help
        assert "\n" not in str(caught.value)
        server.shutdown()


@pytest.mark.slow
def test_server_that_comes_up_later(tmp_path, project, monkeypatch):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    make_results(project, "mnist-cnn")
    layout = make_results(project, "mnist-lstm", val_top1=0.95)
    with pytest.raises(TryAgain):
        log("mnist-cnn", layout)
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    del environment["MLFLOW_TRACKING_URI"]
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        try:
            wait_for(f"{uri}/health")
            complete(layout)
            before = census(client(server=uri))
            assert [name for name, _ in before["runs"]] == ["mnist-cnn", "mnist-lstm"]
            log("mnist-cnn", layout)
            complete(layout)
            assert census(client(server=uri)) == before
            assert client(server=uri).get_registered_model(TITLE).aliases == {"champion": "2"}
        finally:
            server.terminate()
    assert census(client_of_default(project))["runs"] == []


def client_of_default(root: Path):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{store.find(Layout(root)).database.resolve()}")


def wait_for(url: str, seconds: float = 240) -> bytes:
    from urllib.error import URLError
    from urllib.request import urlopen

    end = time.monotonic() + seconds
    while True:
        try:
            return urlopen(url, timeout=5).read()
        except (URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)
