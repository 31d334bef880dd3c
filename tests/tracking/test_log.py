"""A model as an MLflow run: what it holds, and that it is there once."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from census import TITLE, census, champion, client, run_of
from results import make_results

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tracking import locked_results, store, view
from sightline.tracking.log import complete, log
from sightline.tracking.run import _commit


def test_what_a_run_holds(project):
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
    assert run.data.metrics["val/top1"] == 0.9
    assert run.data.metrics["test/ece"] == 0.02
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
    assert run.data.tags["system.torch"] and run.data.tags["system.platform"]
    assert champion(project) == 1


def test_the_experiment_opens_on_what_people_compare(project):
    """The names in the view are those of the runs, and the note links to it and to the champion."""
    layout = make_results(project)
    log("mnist-cnn", layout)
    tracking = client(project)
    experiment, run = tracking.get_experiment_by_name(TITLE), run_of(tracking, "mnist-cnn")
    state = json.loads(experiment.tags[view.TAG])
    (parallel,) = state["compareRunCharts"]
    assert set(parallel["selectedMetrics"]) <= set(run.data.metrics)
    assert set(parallel["selectedParams"]) <= set(run.data.params)
    assert {"metrics.`val/top1`", "metrics.`test/top1`"} <= set(state["selectedColumns"])
    sections = [section["name"] for section in state["compareRunSections"]]
    assert sections[1:] == ["epoch", "val", "test", "Model metrics"]
    assert {key.rpartition("/")[0] or "Model metrics" for key in run.data.metrics} == {
        *sections[1:]
    }
    note = experiment.tags["mlflow.note.content"]
    assert f"(#/models/{TITLE}?" in note and f"viewStateShareKey={view.KEY}" in note
    assert f"#/experiments/{experiment.experiment_id}/runs" in note.partition("\n")[0]
    assert "Not real data" in note.partition("\n")[0]  # the line that is not folded

    tracking.set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "mine")
    complete(make_results(project, "mnist-lstm"))
    assert tracking.get_experiment_by_name(TITLE).tags["mlflow.note.content"] == "mine"


def test_params_have_the_same_keys_whatever_the_network(project):
    make_results(project, "mnist-cnn")
    results = locked_results.read_all(make_results(project, "mnist-lstm"))
    cnn, lstm = (results[name].params() for name in ("mnist-cnn", "mnist-lstm"))
    assert {k for k in cnn if not k.startswith("network.")} == {
        k for k in lstm if not k.startswith("network.")
    }
    assert (cnn["network.widths"], lstm["network.hidden_size"]) == ([16, 32], 128)


def test_logged_twice_counts_once(project):
    layout = make_results(project)
    log("mnist-cnn", layout)
    before, left = census(client(project)), (project / "logged/mnist-cnn.json").read_text()
    log("mnist-cnn", layout)
    complete(layout)
    # as if the last write, and with it the knowledge that nothing is missing, had been lost
    run = run_of(client(project), "mnist-cnn")
    client(project).delete_tag(run.info.run_id, store.COMPLETE)
    log("mnist-cnn", layout)
    assert census(client(project)) == before
    assert (project / "logged/mnist-cnn.json").read_text() == left
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


@pytest.mark.faults
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
        assert not (root / "logged/mnist-cnn.json").exists()
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
    assert not (project / "logged/mnist-cnn.json").exists()  # that is the stage's to leave


def test_results_that_do_not_belong_together_are_not_logged(project):
    layout = make_results(project)
    lock = layout.lock.read_text()
    weights = locked_results.read("mnist-cnn", layout).stages["evaluate"]["deps"][1]
    assert weights["path"] == "trained/mnist-cnn"
    head, tail = lock.split("export@mnist-cnn")  # evaluate's entry stands before export's
    layout.lock.write_text(head.replace(weights["md5"], "f" * 32) + "export@mnist-cnn" + tail)
    with pytest.raises(
        SightlineError, match=r"evaluate@mnist-cnn ran on another trained/mnist-cnn"
    ):
        log("mnist-cnn", layout)


def test_a_model_that_never_ran(tmp_path):
    with pytest.raises(SightlineError, match="run `dvc repro log@mnist-cnn`"):
        log("mnist-cnn", Layout(tmp_path))


def test_equal_results_have_equal_fingerprints_whatever_their_timing_and_code(project):
    layout = make_results(project, seconds=10)
    first = locked_results.read("mnist-cnn", layout).fingerprint
    make_results(project, seconds=20)
    assert locked_results.read("mnist-cnn", layout).fingerprint == first
    # changed code, equal results: DVC does not run log again, so it must not be a new run
    layout.lock.write_text(layout.lock.read_text().replace("sightline export", "sightline  export"))
    assert locked_results.read("mnist-cnn", layout).fingerprint == first
    make_results(project, val_top1=0.91)
    assert locked_results.read("mnist-cnn", layout).fingerprint != first


def test_the_fingerprint_is_of_what_the_log_stage_depends_on(project):
    """Else DVC would skip a run that is missing, or run log for one that is there."""
    root = Path(__file__).parent.parent.parent
    log = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]["log"]["do"]
    deps = {dep.replace("${key}", "mnist-cnn") for dep in log["deps"]}
    layout = make_results(project)
    outs = locked_results.read("mnist-cnn", layout).outs
    of_model = {dep for dep in deps if not dep.startswith("data/code/")}
    within = {dep: {o for o in outs if Path(o).is_relative_to(dep)} for dep in of_model}
    assert set().union(*within.values()) == set(outs) and all(within.values())


def test_retrained_to_equal_results_after_a_kill(project):
    """The second training took other seconds: the run still has one point of each figure."""
    layout = make_results(project, seconds=10)
    log("mnist-cnn", layout)
    before = census(client(project))
    run = run_of(client(project), "mnist-cnn")
    client(project).delete_tag(run.info.run_id, store.COMPLETE)
    make_results(project, seconds=20)
    log("mnist-cnn", layout)
    assert census(client(project)) == before


def test_a_user_without_a_name_logs_by_number(project, monkeypatch):
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_000_670_000)  # as OpenShift gives them
    log("mnist-cnn", make_results(project))
    assert run_of(client(project), "mnist-cnn").data.tags["mlflow.user"] == "1000670000"


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
    assert [path.name for path in (copy / ".sightline").glob("*")] == []
    assert (copy / "logged/mnist-cnn.json").exists()


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


@pytest.mark.faults
def test_the_commit_of_another_project_around_this_one_is_not_taken(project):
    subprocess.run(["git", "init", "--quiet", project.parent], check=True)
    commit = ["git", "-C", project.parent, "-c", "user.name=A", "-c", "user.email=a@b.invalid"]
    subprocess.run([*commit, "commit", "--quiet", "--allow-empty", "-m", "other"], check=True)
    assert _commit(project) == (None, False)
