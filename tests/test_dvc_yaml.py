"""dvc.yaml against params.yaml: the lines that take no foreach are there for every model."""

from pathlib import Path

import pytest
import yaml

from sightline.tasks import FIGURES

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PLOTS = {title: plot for item in PIPELINE["plots"] for title, plot in item.items()}
CURVES = {title: plot for title, plot in PLOTS.items() if plot["x"] == "epoch"}
CONFUSION = {path for path, plot in PLOTS.items() if plot["template"] == "confusion"}


@pytest.mark.parametrize("name", PARAMS["models"])
def test_every_model_has_its_lines(name):
    """Add what this test names to `artifacts:` and `plots:` of dvc.yaml."""
    assert PIPELINE["artifacts"][name]["path"] == f"models/{name}/model.onnx"
    curve = f"reports/{name}/epochs.csv"
    dataset = PARAMS["models"][name]["dataset"]
    shown = {plot["y"][curve]: title for title, plot in CURVES.items() if curve in plot["y"]}
    task = PARAMS["models"][name]["task"]
    figure, _ = FIGURES[task]
    assert set(shown) == {f"val_{figure}", "train_loss"}
    assert all(title.startswith(f"{dataset}:") for title in shown.values())
    assert (f"reports/{name}/tables/confusion.csv" in CONFUSION) == (task == "classify")


def test_no_line_is_left_of_a_model_that_is_gone():
    assert set(PIPELINE["artifacts"]) == set(PARAMS["models"])
    curves = {path for plot in CURVES.values() for path in plot["y"]}
    assert curves == {f"reports/{name}/epochs.csv" for name in PARAMS["models"]}
    assert {f"reports/{name}/tables/confusion.csv" for name in PARAMS["models"]} >= CONFUSION
    drawn = {path for plot in PLOTS.values() if plot["template"] == "linear" for path in plot["y"]}
    assert {path.split("/")[1] for path in drawn} == set(PARAMS["models"])


@pytest.mark.parametrize("stage", PIPELINE["stages"])
def test_commands_hold_names_alone_and_code_deps_exist(stage):
    body = PIPELINE["stages"][stage]["do"]
    assert body["cmd"] == f"sightline {stage} ${{key}}"
    for dep in body["deps"]:
        if dep.startswith("src/") and "$" not in dep:
            assert (ROOT / dep).exists(), dep
        assert dep not in ("src/sightline/cli.py", "src/sightline/params.py")
