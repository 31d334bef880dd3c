"""One folder adds a task: with its lines in params.yaml and dvc.yaml it goes through everything."""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image
from workspace import copy_project

TOYS = {  # model: network, task, recipe, figure
    "mnist-cnn-brightness": ("cnn", "brightness", "cnn-rotation-8", "mae"),
    "mnist-lstm-mirrored": ("lstm", "mirrored", "rows-6", "accuracy"),
}
STAGES = ("train", "evaluate", "insight", "export", "log")


def add_models(params: dict) -> None:
    params["evaluation"]["test_time_views"] = "flip-translate"
    for name, (network, task, recipe, _) in TOYS.items():
        params["models"][name] = {
            "dataset": "mnist", "network": network, "task": task, "recipe": recipe,
            "start": "random",
        }  # fmt: skip


def add_lines(pipeline: dict) -> None:
    for name, (*_, figure) in TOYS.items():
        file = f"models/{name}/model.onnx"
        pipeline["artifacts"][name] = {"path": file, "type": "model"}
        for column in (f"val_{figure}", "train_loss"):
            title = f"mnist: {name}, {column}"
            curve = {
                "template": "linear",
                "x": "epoch",
                "y": {f"trained/{name}/epochs.csv": column},
            }
            pipeline["plots"].append({title: curve})


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_folder_and_its_lines_add_a_task(tmp_path):
    workspace = copy_project(tmp_path / "project")
    for folder in (Path(__file__).parent / "toys").iterdir():
        shutil.copytree(folder, workspace.root / "src/sightline/tasks" / folder.name)
    workspace.edit("params.yaml", add_models)
    workspace.edit("dvc.yaml", add_lines)
    assert "5 models" in workspace.run("sightline", "validate", "--fix")

    executed = workspace.repro(*(f"log@{name}" for name in TOYS))
    once = {"code", "sources", "download@mnist", "preprocess@mnist"}
    assert set(executed) == once | {f"{stage}@{name}" for stage in STAGES for name in TOYS}

    compared = {line.split()[0]: line for line in workspace.run("sightline", "compare").splitlines()
                if line.startswith("mnist-")}  # fmt: skip
    (link,) = re.findall(r"file://\S+", workspace.run("sightline", "report"))
    html = Path(unquote(urlsplit(link).path)).read_text()
    gray = Image.fromarray(np.full((28, 28), 60, np.uint8))
    gray.save(workspace.root / "gray.png")
    for name, (_, task, _, figure) in TOYS.items():
        results, model = workspace.root / "reports" / name, workspace.root / "models" / name
        metrics = json.loads((results / "tables/figures.json").read_text())
        assert f"{metrics['test'][figure]:.4f}" in compared[name]
        card = (model / "README.md").read_text()
        assert f"the task `{task}`" in card and f"{figure}: the " in card
        assert json.loads((workspace.root / f"logged/{name}.json").read_text())[
            "registered_model"
        ].endswith(task)
        assert (results / "insight/pictures/occlusion.png").exists()
        assert name in html
        printed = workspace.run("sightline", "predict", str(model / "model.onnx"), "gray.png")
        assert "NOT real" in printed and "\ngray.png: " in printed
    # what the task's own words say is what is shown
    assert "The predicted mean against the actual one" in html
    assert "half of its final accuracy" in html
