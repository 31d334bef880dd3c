"""dvc.yaml against params.yaml: the lines that take no foreach are there for every model."""

from pathlib import Path

import pytest
import yaml

from sightline.tasks import FIGURES

ROOT = Path(__file__).parent.parent
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())


@pytest.mark.parametrize("name", PARAMS["models"])
def test_every_model_has_its_lines(name):
    """Add what this test names to `artifacts:` and `plots:` of dvc.yaml."""
    assert PIPELINE["artifacts"][name]["path"] == f"models/{name}/model.onnx"
    curve = f"reports/{name}/epochs.csv"
    dataset = PARAMS["models"][name]["dataset"]
    plots = [(title, plot) for item in PIPELINE["plots"] for title, plot in item.items()]
    shown = {plot["y"][curve]: title for title, plot in plots if curve in plot["y"]}
    figure, _ = FIGURES[PARAMS["models"][name]["task"]]
    assert set(shown) == {f"val_{figure}", "train_loss"}
    assert all(title.startswith(f"{dataset}:") for title in shown.values())


def test_no_line_is_left_of_a_model_that_is_gone():
    assert set(PIPELINE["artifacts"]) == set(PARAMS["models"])
    curves = {path for item in PIPELINE["plots"] for plot in item.values() for path in plot["y"]}
    assert curves == {f"reports/{name}/epochs.csv" for name in PARAMS["models"]}


@pytest.mark.parametrize("stage", PIPELINE["stages"])
def test_commands_hold_names_alone_and_code_deps_exist(stage):
    body = PIPELINE["stages"][stage]["do"]
    assert body["cmd"] == f"sightline {stage} ${{key}}"
    for dep in body["deps"]:
        if dep.startswith("src/") and "$" not in dep:
            assert (ROOT / dep).exists(), dep
        assert dep not in ("src/sightline/cli.py", "src/sightline/params.py")
