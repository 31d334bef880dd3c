"""Experiments and comparisons: DVC's own commands are useful on this pipeline as they stand."""

import json
import sqlite3

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def experiments(workspace):
    """The workspace, without its experiments after the test."""
    yield workspace
    workspace.run("dvc", "exp", "remove", "--all-commits", check=False)


def shown(workspace) -> list[dict]:
    """Return each experiment's params and metrics, the workspace's first."""
    states = json.loads(workspace.run("dvc", "exp", "show", "--json"))
    experiments = []
    for state in states:
        experiments.append(state["data"])
        for experiment in state["experiments"] or []:
            experiments += [revision["data"] for revision in experiment["revs"]]
    return experiments


def networks(workspace) -> list[str]:
    """Return the network of mnist-lstm in each experiment."""
    return [
        data["params"]["params.yaml"]["data"]["models"]["mnist-lstm"]["network"]
        for data in shown(workspace)
    ]


def logged(workspace) -> int:
    """Return the number of MLflow runs of mnist-lstm in the workspace's store."""
    with sqlite3.connect(workspace.root / ".sightline" / "mlflow" / "mlflow.db") as store:
        query = "SELECT count(*) FROM runs WHERE name LIKE 'mnist-lstm%'"
        return store.execute(query).fetchone()[0]


def test_an_experiment_swaps_the_network_and_runs_that_model_alone(experiments):
    printed = experiments.run("dvc", "exp", "run", "-S", "models.mnist-lstm.network=gru")
    ran = {line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")}
    assert ran == {f"{s}@mnist-lstm" for s in ("train", "evaluate", "insight", "export", "log")}
    model = json.loads((experiments.root / "trained" / "mnist-lstm" / "model.json").read_text())
    assert model["network"] == "gru"
    assert networks(experiments).count("gru") >= 1
    diff = json.loads(experiments.run("dvc", "metrics", "diff", "--json"))
    assert {"mnist-lstm"} == {path.split("/")[1] for path in diff}
    assert set(diff["reports/mnist-lstm/metrics.json"]) == {"val.top1", "test.top1"}


def test_an_experiment_elsewhere_leaves_the_workspace_alone_and_its_run_here(experiments):
    before, before_runs = experiments.locked(), logged(experiments)
    experiments.run("dvc", "exp", "run", "--temp", "-S", "models.mnist-lstm.seed=5")
    assert experiments.locked() == before
    assert experiments.run("git", "status", "--porcelain") == ""
    printed = experiments.run("dvc", "exp", "list", "--name-only", "--all-commits").split()
    assert len(printed) == 1
    assert logged(experiments) == before_runs + 1, "its run belongs into the main workspace"
    experiments.run("dvc", "exp", "apply", printed[0])
    assert experiments.locked() != before
    assert experiments.repro() == []


def test_queued_experiments_run_and_are_shown(experiments):
    for seed in (6, 7):
        experiments.run("dvc", "exp", "run", "--queue", "-S", f"models.mnist-cnn.seed={seed}")
    experiments.run("dvc", "exp", "run", "--run-all")
    seeds = {
        d["params"]["params.yaml"]["data"]["models"]["mnist-cnn"]["seed"]
        for d in shown(experiments)
    }
    assert {0, 6, 7} <= seeds


@pytest.mark.faults
def test_a_queued_experiment_runs_the_code_that_was_queued(experiments):
    network = experiments.root / "src" / "sightline" / "networks" / "lstm.py"
    before = network.read_text()
    network.write_text(before + "\nraise RuntimeError('queued')\n")
    experiments.run("dvc", "exp", "run", "--queue", "-S", "models.mnist-lstm.seed=9")
    network.write_text(before)
    message = experiments.run("dvc", "exp", "run", "--run-all", check=False)
    assert "RuntimeError: queued" in message


def test_plots_hold_curves_of_several_models_confusions_and_pictures(workspace, tmp_path):
    workspace.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    assert "mnist: top-1 on val by epoch" in page
    assert "mnist-cnn" in page and "mnist-lstm" in page
    for picture in ("wrongest", "confusion"):
        assert list((tmp_path / "plots").rglob(f"*mnist-cnn*{picture}.png"))


def test_metrics_show_every_model(workspace):
    printed = workspace.run("dvc", "metrics", "show")
    for model in ("mnist-cnn", "mnist-lstm", "imagenet-lstm"):
        assert f"reports/{model}/metrics.json" in printed
    assert "test.top1" in printed and max(map(len, printed.splitlines())) <= 120


def test_compare_shows_what_each_experiment_changed_and_what_came_of_it(experiments):
    experiments.run(
        "dvc", "exp", "run", "--name", "with-gru", "-S", "models.mnist-lstm.network=gru"
    )
    printed = experiments.run("sightline", "compare", "--experiments")
    assert max(map(len, printed.splitlines())) <= 120
    (table,) = [part for part in printed.split("\n\n") if part.startswith("mnist-lstm: top1")]
    assert "mnist-cnn: top1" not in printed, "nothing changed of it"
    rows = {line.split()[0]: line for line in table.splitlines()[2:]}
    assert set(rows) == {"workspace", "main", "with-gru"}
    assert "models.mnist-lstm.network=gru" in rows["with-gru"]
    top1 = json.loads((experiments.root / "reports/mnist-lstm/metrics.json").read_text())
    assert f"{top1['test']['top1']:.4f}" in rows["with-gru"] and rows["main"].split()[1] == "-"
    seconds = float(rows["with-gru"].split()[-1])
    assert 0 < seconds < 600
    runs = experiments.run("sightline", "compare", "--runs")
    assert "mnist-lstm, runs in sample-mnist-classify: top1" in runs
    assert "the workspace's own" in runs and "network=lstm" in runs


def test_a_tagged_artifact_is_handed_out(workspace, tmp_path):
    workspace.run("git", "tag", "-a", "mnist-cnn@v1.0.0", "-m", "the first")
    try:
        out = tmp_path / "model.onnx"
        workspace.run(
            "dvc", "artifacts", "get", ".", "mnist-cnn", "--rev", "v1.0.0", "-o", str(out)
        )
        assert out.read_bytes() == (workspace.root / "models/mnist-cnn/model.onnx").read_bytes()
    finally:
        workspace.run("git", "tag", "-d", "mnist-cnn@v1.0.0")
