"""classify: figures against values worked out by hand, and what evaluate leaves."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support import write_processed

from sightline.evaluation.evaluate import evaluate
from sightline.layout import Layout
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Optimizer, Recipe
from sightline.tasks.classify import evaluation as classify
from sightline.training.loop import train

RECIPE = Recipe(epochs=3, batch_size=32, optimizer=Optimizer("adam", 0.01))


def test_classification_figures_worked_out_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], np.float32)
    figures = classify.figures_of(np.log(probabilities), np.array([0, 1, 1, 0]))
    assert figures["top1"] == 0.75 and "top5" not in figures
    assert figures["loss"] == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.9]).mean(), abs=1e-6)
    # four bins of one image each: |1-.8|, |0-.6|, |1-.7|, |1-.9|
    assert figures["ece"] == pytest.approx((0.2 + 0.6 + 0.3 + 0.1) / 4, abs=1e-6)


def test_the_loss_of_a_sure_mistake_is_that_of_the_logits():
    figures = classify.figures_of(np.array([[100, -100]], np.float32), np.array([1]))
    assert figures["loss"] == 200


def test_top5_counts_the_five_best_of_many_classes():
    probabilities = np.tile(np.arange(20, 0, -1, dtype=np.float32) / 210, (3, 1))
    figures = classify.figures_of(np.log(probabilities), np.array([0, 4, 5]))
    assert figures["top1"] == pytest.approx(1 / 3, abs=1e-6)
    assert figures["top5"] == pytest.approx(2 / 3, abs=1e-6)


def test_a_calibrated_model_has_no_calibration_error():
    probabilities = np.tile(np.array([0.75, 0.25], np.float32), (4, 1))
    assert classify.expected_calibration_error(probabilities, np.array([0, 0, 0, 1])) == 0


def test_per_class_figures_worked_out_by_hand():
    rows = classify.per_class(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), ["a", "b", "c"])
    assert rows == [
        ("a", "1.000000", "0.666667", 3),
        ("b", "0.500000", "1.000000", 1),
        ("c", "", "", 0),
    ]


@pytest.fixture(scope="module", params=["cnn", "lstm"])
def evaluated(request, tmp_path_factory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("project"))
    write_processed(layout.processed("bars").path)
    settings = {"cnn": {"widths": [4, 8]}, "lstm": {"hidden_size": 16}}[request.param]
    recipe = replace(RECIPE, network=settings)
    model = Model("bars", request.param, "classify", "its")
    train("it", model, recipe, Compute("cpu", threads=1), layout)
    evaluate("it", layout)
    return layout


def metrics(layout: Layout) -> dict:
    return json.loads(layout.results("it").figures.read_text())


def test_val_figures_equal_those_of_the_last_epoch(evaluated):
    last = list(csv.DictReader(evaluated.trained("it").epochs.open()))[-1]
    assert metrics(evaluated)["val"]["top1"] == pytest.approx(float(last["val_top1"]), abs=1e-6)
    assert metrics(evaluated)["val"]["loss"] == pytest.approx(float(last["val_loss"]), abs=1e-4)


def test_tables_agree_with_the_metrics(evaluated):
    results = evaluated.results("it")
    answers = list(csv.DictReader(results.table("confusion").open()))
    right = sum(row["actual"] == row["predicted"] for row in answers)
    assert len(answers) == 60 and right / 60 == pytest.approx(metrics(evaluated)["test"]["top1"])
    rows = list(csv.DictReader(results.table("per_class").open()))
    assert sum(float(r["recall"]) * int(r["count"]) for r in rows) == pytest.approx(right, abs=1e-3)
    assert metrics(evaluated)["catalogue"] == "sample"


def evaluated_files(layout: Layout) -> dict[str, bytes]:
    folder = layout.results("it").path
    paths = [layout.results("it").metrics, *folder.glob("*/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_stage_repeats_itself_to_the_byte(evaluated):
    first = evaluated_files(evaluated)
    assert set(first) == {
        "metrics.json",
        *("tables/confusion.csv", "tables/figures.json", "tables/per_class.csv"),
        *("pictures/confusion.png", "pictures/wrongest.png"),
    }
    evaluate("it", evaluated)
    assert evaluated_files(evaluated) == first


def test_the_picture_shows_the_mistakes_the_model_was_surest_of():
    images = np.zeros((3, 8, 8, 1), np.uint8)
    images[0] += 50
    images[1] += 100
    images[2] += 200
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]], np.float32)
    sheet = classify.wrongest(images, np.array([1, 1, 1]), probabilities, ["a", "b"])
    colours = Image.Image.getcolors(sheet.convert("L"), 1 << 16)
    shown = {shade for count, shade in colours if count >= 112 * 112}
    assert shown == {50, 100, 255}
    first = sheet.convert("L").getpixel((8 + 56, 8 + 56))
    assert first == 100
    none = classify.wrongest(images, np.array([0, 0, 1]), probabilities, ["a", "b"])
    assert none.size[0] == sheet.size[0]
