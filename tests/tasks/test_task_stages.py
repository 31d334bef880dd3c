"""next-row and rotation go through every stage like any other task."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import results
import torch
from exported import TASKS, trained
from PIL import Image

from sightline import tasks
from sightline.cli import main
from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.export.checks import Differences
from sightline.export.export import export
from sightline.insight.insight import insight
from sightline.layout import Layout
from sightline.models.trained import load_model
from sightline.tasks.next_row.completion import complete

NEXT_ROW, ROTATION = TASKS


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    layout = trained(tmp_path_factory.mktemp("tasks"), *TASKS, epochs=8)
    for name in TASKS:
        export(name, layout)
    return layout


def metrics(layout: Layout, name: str) -> dict:
    return json.loads(layout.results(name).figures.read_text())


def rows(path: Path) -> list[dict]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def test_they_learn_what_they_are_asked(layout):
    assert metrics(layout, NEXT_ROW)["test"]["mse_share"] < 0.8
    # answering nothing but "not turned" is wrong by 26 degrees
    assert metrics(layout, ROTATION)["test"]["rmse"] < 16


@pytest.mark.parametrize("name", TASKS)
def test_val_figures_are_those_of_the_last_epoch(layout, name):
    figure = tasks.words(TASKS[name][2]).figure
    last, val = rows(layout.trained(name).epochs)[-1], metrics(layout, name)["val"]
    loss = val["nll" if name == NEXT_ROW else "loss"]
    assert float(last[f"val_{figure}"]) == pytest.approx(val[figure], rel=1e-4)
    assert float(last["val_loss"]) == pytest.approx(loss, rel=1e-4)
    assert float(last[f"train_{figure}"]) > 0


@pytest.mark.parametrize(
    ("name", "files"),
    [
        (
            NEXT_ROW,
            {
                "tables/rows.csv",
                "tables/figures.json",
                "pictures/rows.png",
                "pictures/completed.png",
            },
        ),
        (
            ROTATION,
            {
                "tables/angles.csv",
                "tables/figures.json",
                "pictures/angles.png",
                "pictures/wrongest.png",
            },
        ),
    ],
)
def test_evaluate_leaves_its_tables_and_pictures_to_the_byte(layout, name, files):
    results = layout.results(name)
    folder = results.path

    def drawn() -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.glob("*/*")}

    results.table("confusion").write_text("left by another task\n")
    evaluate(name, layout)
    first = drawn()
    assert set(first) == {*files, "tables/figures.json"}
    evaluate(name, layout)
    assert drawn() == first


def test_the_tables_agree_with_the_figures(layout):
    errors = rows(layout.results(NEXT_ROW).table("rows"))
    assert [int(row["row"]) for row in errors] == list(range(2, 13))
    test = metrics(layout, NEXT_ROW)["test"]
    for figure, column in (("mse", "mse_model"), ("nll_mean_row", "nll_mean_row")):
        assert np.mean([float(row[column]) for row in errors]) == pytest.approx(
            test[figure], abs=1e-5
        )
    angles = rows(layout.results(ROTATION).table("angles"))
    degrees = [float(row["predicted"]) - float(row["actual"]) for row in angles]
    rmse = metrics(layout, ROTATION)["test"]["rmse"]
    assert np.mean(np.square(degrees)) ** 0.5 == pytest.approx(rmse, abs=1e-2)


@pytest.mark.parametrize(("name", "figure"), [(NEXT_ROW, "mse"), (ROTATION, "rmse")])
def test_export_compares_the_figure_of_both_sides_over_all_of_test(layout, name, figure):
    checked = json.loads(layout.model(name).export.read_text())
    assert checked["images"] == 60 and "near_ties" not in checked
    for side in ("torch", "onnxruntime"):
        assert checked[f"{figure}_{side}"] == pytest.approx(
            metrics(layout, name)["test"][figure], rel=1e-4
        )


def test_an_angle_near_zero_is_measured_by_the_size_of_angles():
    differences = Differences(tasks.task("rotation").scales)
    differences.add({"angle": np.array([1e-4])}, {"angle": np.array([5e-4])}, "upright")
    with pytest.raises(SightlineError, match="turned: angle differs"):
        differences.add({"angle": np.array([10.0])}, {"angle": np.array([10.01])}, "turned")


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        (NEXT_ROW, {"next_row": ["batch", "height", 12, 1], "features": ["batch", 32]}),
        (ROTATION, {"angle": ["batch"], "features": ["batch", 16]}),
    ],
)
def test_the_file_has_the_outputs_of_the_contract(layout, name, outputs):
    session = onnxruntime.InferenceSession(layout.model(name).onnx)
    assert {value.name: value.shape for value in session.get_outputs()} == outputs
    card = layout.model(name).card.read_text()
    for output in outputs:
        assert f"- out: `{output}` float32 [" in card


COMPLETED = """
import sys
sys.modules["torch"] = sys.modules["sightline"] = None
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
images = np.load("images.npy")
{code}
np.save("done.npy", done)
"""


def test_an_image_is_completed_through_onnxruntime_alone(layout, tmp_path):
    """By the code of the model's own card, in a process without torch and without Sightline."""
    images = np.array(load_split(layout.processed("bars"), "test")[0][:9])
    given = images.copy()
    given[:, 6:] = 200  # what is to be completed is not there to be seen
    np.save(tmp_path / "images.npy", given)
    (tmp_path / "model.onnx").symlink_to(layout.model(NEXT_ROW).onnx)
    card = layout.model(NEXT_ROW).card.read_text()
    code = re.findall(r"```python\n(.*?)```", card, re.DOTALL)[-1]
    command = [sys.executable, "-c", COMPLETED.format(code=code)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    done = np.load(tmp_path / "done.npy")
    assert np.array_equal(done[:, :6], images[:, :6])

    model = load_model(layout.trained(NEXT_ROW))

    @torch.inference_mode()
    def next_row(rows: np.ndarray) -> np.ndarray:
        return model(torch.from_numpy(rows.copy()))["next_row"].numpy()

    torchs = complete(next_row, images, 6)
    assert np.abs(done.astype(int) - torchs).max() <= 1, "a pixel may be rounded the other way"
    # a bar that begins in the lower half is not seen, one in the upper half is known to have ended
    assert np.abs(done[:, 6:].astype(int) - images[:, 6:]).mean() < 60


def test_predict_completes_an_image_into_a_file_and_prints_the_angle(
    layout, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    image = np.array(load_split(layout.processed("bars"), "test")[0][0, :, :, 0])
    Image.fromarray(image).save("a bar.png")
    assert main(["predict", str(layout.model(NEXT_ROW).onnx), "a bar.png"]) == 0
    assert "rows 7 to 12 completed from those above: a bar-completed.png" in capsys.readouterr().out
    done = np.array(Image.open("a bar-completed.png"))
    assert done.shape == image.shape and np.array_equal(done[:6], image[:6])
    assert not np.array_equal(done[6:], image[6:])
    assert main(["predict", str(layout.model(ROTATION).onnx), "a bar.png"]) == 0
    printed = capsys.readouterr().out
    angle = re.search(r"turned by ([\d.]+) degrees (counter-)?clockwise", printed)[1]
    assert float(angle) < 25, "it was not turned at all"


def test_predict_overwrites_no_picture_neither_its_own_nor_anybodys(
    layout, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for folder, value in (("a", 0), ("b", 255)):
        Path(folder).mkdir()
        Image.fromarray(np.full((12, 12), value, np.uint8)).save(f"{folder}/1.png")
    Path("1-completed.png").write_text("mine")
    model = str(layout.model(NEXT_ROW).onnx)
    assert main(["predict", model, "a/1.png", "b/1.png", "--invert", "no"]) == 0
    names = re.findall(r"above: (\S+)", capsys.readouterr().out)
    assert names == ["1-completed-2.png", "1-completed-3.png"]
    assert Path("1-completed.png").read_text() == "mine"
    for name, value in zip(names, (0, 255), strict=True):
        assert (np.array(Image.open(name))[:6] == value).all()


@pytest.mark.parametrize("name", TASKS)
def test_their_record_in_mlflow_has_figures_files_and_a_champion(layout, name, monkeypatch):
    from mlflow import MlflowClient

    from sightline.tracking import store
    from sightline.tracking.log import log

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    insight(name, layout)
    results.write_lock(layout, name, dataset="bars")
    log(name, layout)
    client = MlflowClient(store.find(layout).uri)
    task = TASKS[name][2]
    figure = tasks.words(task).figure
    experiment = client.get_experiment_by_name(f"sample-bars-{task}")
    (run,) = client.search_runs([experiment.experiment_id])
    value = metrics(layout, name)["val"][figure]
    assert run.data.metrics[f"val/{figure}"] == value
    assert run.data.params["task"] == task
    kept = [item.path for item in client.list_artifacts(run.info.run_id, "pictures")]
    drawn = [path.name for path in layout.results(name).pictures.iterdir()]
    assert kept == [f"pictures/{picture}" for picture in sorted(drawn)]
    champion = client.get_model_version_by_alias(f"sample-bars-{task}", "champion")
    assert champion.tags[f"val_{figure}"] == repr(value)
