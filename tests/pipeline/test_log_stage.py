"""The log stage under a real DVC: run cache, experiments in copies of the workspace."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from results import make_results

from sightline.layout import Layout
from sightline.tracking import store
from sightline.tracking.log import complete

pytestmark = pytest.mark.slow

NAME = "mnist-cnn"
ROOT = Path(__file__).parent.parent.parent


def stages() -> dict:
    """The project's own stages of one model; the four before log copy what was made before."""
    real = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    outs = {
        stage: [
            next(iter(out)) if isinstance(out, dict) else out
            for kind in ("outs", "metrics", "plots")
            for out in real[stage]["do"].get(kind, [])
        ]
        for stage in ("train", "evaluate", "insight", "export")
    }
    weights = ["trained/${key}"]
    shared = {"deps": ["data/processed/mnist", "made"], "params": ["compute"]}
    log = real["log"]["do"]
    log["deps"] = [dep for dep in log["deps"] if not dep.startswith("data/code/")]
    steps = {
        "train": shared,
        "evaluate": {"deps": [*shared["deps"], *weights]},
        "insight": {"deps": [*shared["deps"], *weights]},
        "export": {"deps": [*shared["deps"], *weights]},
    }
    for stage, step in steps.items():
        step["outs"] = outs[stage]
        step["cmd"] = " && ".join(
            f"mkdir -p $(dirname {o}) && cp -r made/{o} {o}" for o in outs[stage]
        )
    # so that an experiment with another number of threads has another result
    path = f"trained/{NAME}/model.json"
    change = f"""sed 's/"threads": 2/"threads": ${{compute.threads}}/' made/{path} > {path}"""
    steps["train"]["cmd"] += f" && rm {path} && {change}"
    steps["log"] = log
    models = {NAME: {"dataset": "mnist"}}
    return {"stages": {k: {"foreach": models, "do": step} for k, step in steps.items()}}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    make_results(tmp_path / "made", NAME)
    (tmp_path / "made/dvc.lock").unlink()
    shutil.move(tmp_path / "made/.sightline", tmp_path)
    (tmp_path / "data/processed/mnist").mkdir(parents=True)
    (tmp_path / "data/processed/mnist/meta.json").write_text("{}")
    compute = {"device": "auto", "dtype": "auto", "threads": 2, "processes": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"compute": compute}))
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(stages()))
    (tmp_path / ".gitignore").write_text("/models/\n/reports/\n/trained/\n/logged/\n/.sightline/\n")
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["git", "add", "-A"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "start"],
    ):
        subprocess.run(command, check=True)
    return tmp_path


def dvc(*arguments: str) -> str:
    done = subprocess.run(["dvc", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def counts(root: Path) -> tuple[int, int]:
    """How many runs and versions the store of a workspace has."""
    from mlflow import MlflowClient

    client = MlflowClient(store.find(Layout(root)).uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return len(client.search_runs(ids)), len(client.search_model_versions())


def test_run_cache_and_a_lost_store(project):
    dvc("repro")
    assert counts(project) == (1, 1)
    left = json.loads((project / f"logged/{NAME}.json").read_text())
    for path in ("trained", "models", "reports", "logged", "dvc.lock"):
        target = project / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    assert f"Stage 'log@{NAME}' is cached - skipping run" in dvc("repro")
    assert json.loads((project / f"logged/{NAME}.json").read_text()) == left
    complete(Layout(project))
    assert counts(project) == (1, 1)
    # results that another machine made come with no run here
    shutil.rmtree(project / ".sightline")
    complete(Layout(project))
    assert counts(project) == (1, 1)
    assert not dvc("repro").count("Running stage")


def test_experiment_in_a_copy_writes_into_the_main_store(project):
    dvc("repro")
    dvc("exp", "run", "--temp", "-S", "compute.threads=1")
    assert not list((project / ".dvc/tmp/exps/standalone").glob("tmp*"))  # the copy is gone
    assert counts(project) == (2, 2)
    complete(Layout(project))
    assert counts(project) == (2, 2)
