"""classify: figures against values worked out by hand, and the stage as a whole."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from support import write_processed
from torch import nn

from sightline.errors import SightlineError
from sightline.evaluation import evaluate
from sightline.evaluation.flops import flops
from sightline.layout import Layout
from sightline.settings.recipe import Compute, Model, Optimizer, Recipe
from sightline.tasks.classify import evaluation as classify
from sightline.training.loop import train

RECIPE = Recipe(epochs=3, batch_size=32, optimizer=Optimizer("adam", 0.01))


def test_classification_figures_worked_out_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]], np.float32)
    figures = classify.classification(probabilities, np.array([0, 1, 1, 0]))
    assert figures["top1"] == 0.75 and "top5" not in figures
    assert figures["loss"] == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.9]).mean(), abs=1e-6)
    # four bins of one image each: |1-.8|, |0-.6|, |1-.7|, |1-.9|
    assert figures["ece"] == pytest.approx((0.2 + 0.6 + 0.3 + 0.1) / 4, abs=1e-6)


def test_top5_counts_the_five_best_of_many_classes():
    probabilities = np.tile(np.arange(20, 0, -1, dtype=np.float32) / 210, (3, 1))
    figures = classify.classification(probabilities, np.array([0, 4, 5]))
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
    write_processed(layout.processed("bars"))
    settings = {"cnn": {"widths": [4, 8]}, "lstm": {"hidden_size": 16}}[request.param]
    recipe = Recipe(**{**vars(RECIPE), "network": settings})
    model = Model("bars", request.param, "classify", "its")
    train("it", model, recipe, Compute("cpu", threads=1), layout, layout.root / "state")
    evaluate("it", layout)
    return layout


def metrics(layout: Layout) -> dict:
    return json.loads((layout.report("it") / "metrics.json").read_text())


def test_val_figures_equal_those_of_the_last_epoch(evaluated):
    last = list(csv.DictReader((evaluated.report("it") / "epochs.csv").open()))[-1]
    assert metrics(evaluated)["val"]["top1"] == pytest.approx(float(last["val_top1"]), abs=1e-6)
    assert metrics(evaluated)["val"]["loss"] == pytest.approx(float(last["val_loss"]), abs=1e-4)


def test_tables_agree_with_the_metrics(evaluated):
    said = list(csv.DictReader((evaluated.report("it") / "tables" / "confusion.csv").open()))
    right = sum(row["actual"] == row["predicted"] for row in said)
    assert len(said) == 60 and right / 60 == pytest.approx(metrics(evaluated)["test"]["top1"])
    rows = list(csv.DictReader((evaluated.report("it") / "tables" / "per_class.csv").open()))
    assert sum(float(r["recall"]) * int(r["count"]) for r in rows) == pytest.approx(right, abs=1e-3)
    assert metrics(evaluated)["catalogue"] == "sample"


def evaluated_files(layout: Layout) -> dict[str, bytes]:
    folder = layout.report("it")
    paths = [folder / "metrics.json", *folder.glob("*/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_stage_repeats_itself_to_the_byte(evaluated):
    first = evaluated_files(evaluated)
    assert set(first) == {
        "metrics.json",
        *("tables/confusion.csv", "tables/per_class.csv"),
        *("pictures/confusion.png", "pictures/wrongest.png"),
    }
    evaluate("it", evaluated)
    assert evaluated_files(evaluated) == first


def test_flops_are_two_per_multiply_and_add(evaluated):
    from sightline.models.trained import load_model

    model = load_model(evaluated.model("it"))
    seen = {}

    def linear(inputs: int, outputs: int) -> int:
        return 2 * inputs * outputs

    seen["cnn"] = sum(
        2 * 9 * a * b * side**2 for a, b, side in [(1, 4, 12), (4, 4, 6), (4, 8, 6), (8, 8, 3)]
    ) + linear(8, 3)
    seen["lstm"] = 12 * (linear(12, 64) + linear(16, 64)) + linear(16, 3)
    assert flops(model) == seen[model.description["network"]]


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


def test_a_model_without_weights_names_the_command_to_run(tmp_path):
    with pytest.raises(SightlineError, match="dvc repro train@it"):
        evaluate("it", Layout(tmp_path))


def test_the_flop_counter_does_not_count_a_recurrent_layer_twice():
    class Holder(nn.Module):
        def __init__(self, cell):
            super().__init__()
            self.cell, self.description = cell, {"shape": [4, 3, 1]}

        def forward(self, images):
            return self.cell(images.float().flatten(2))[0]

    torch.manual_seed(0)
    for cell, gates in ((nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)):
        expected = 4 * 2 * gates * 5 * (3 + 5)
        assert flops(Holder(cell(3, 5, batch_first=True)).eval()) == expected
