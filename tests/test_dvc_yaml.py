"""dvc.yaml tells the truth: about the models of params.yaml, and where each stage's code stands."""

from pathlib import Path

import pytest
import yaml

from sightline import stage_code, tasks

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PLOTS = {title: plot for item in PIPELINE["plots"] for title, plot in item.items()}
CURVES = {title: plot for title, plot in PLOTS.items() if plot["x"] == "epoch"}
CONFUSION = {path for path, plot in PLOTS.items() if plot["template"] == "confusion"}


@pytest.mark.parametrize("name", PARAMS["models"])
def test_every_model_has_its_lines(name):
    """`sightline validate --fix` writes what this test misses."""
    assert PIPELINE["artifacts"][name]["path"] == f"models/{name}/model.onnx"
    curve = f"trained/{name}/epochs.csv"
    dataset = PARAMS["models"][name]["dataset"]
    shown = {plot["y"][curve]: title for title, plot in CURVES.items() if curve in plot["y"]}
    task = PARAMS["models"][name]["task"]
    assert set(shown) == {f"val_{tasks.words(task).figure}", "train_loss"}
    assert all(title.startswith(f"{dataset}:") for title in shown.values())
    assert (f"reports/{name}/tables/confusion.csv" in CONFUSION) == bool(tasks.words(task).choice)


def test_no_line_is_left_of_a_model_that_is_gone():
    assert set(PIPELINE["artifacts"]) == set(PARAMS["models"])
    curves = {path for plot in CURVES.values() for path in plot["y"]}
    assert curves == {f"trained/{name}/epochs.csv" for name in PARAMS["models"]}
    assert {f"reports/{name}/tables/confusion.csv" for name in PARAMS["models"]} >= CONFUSION
    drawn = {path for plot in PLOTS.values() if plot["template"] == "linear" for path in plot["y"]}
    assert {path.split("/")[1] for path in drawn} == set(PARAMS["models"])


@pytest.mark.parametrize(
    "stage", [name for name, stage in PIPELINE["stages"].items() if "do" in stage]
)
def test_commands_hold_names_alone(stage):
    name = "item" if stage == "weights" else "key"  # a list, not a mapping
    assert PIPELINE["stages"][stage]["do"]["cmd"] == f"sightline {stage} ${{{name}}}"


@pytest.mark.parametrize(
    "stage", stage_code.OF_DATASETS + stage_code.OF_WEIGHTS + stage_code.OF_MODELS
)
def test_every_stage_depends_on_the_list_of_its_code(stage):
    of_model = "-${item.network}-${item.task}" if stage in stage_code.OF_MODELS else ""
    deps = PIPELINE["stages"][stage]["do"]["deps"]
    code = [dep for dep in deps if dep.startswith(("src/", "data/code"))]
    assert code == [f"data/code/{stage}{of_model}.txt"]
