"""Trained on crops of one size, tested at another: through every stage, on photographs."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from photographs import photographs, preprocessed

from sightline.cli import main
from sightline.data import image_files
from sightline.data.arrays import load_split
from sightline.data.asked import train_images
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.export.export import export
from sightline.files import read_json
from sightline.inference.session import Session
from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.models.trained import load_model
from sightline.networks import cnn
from sightline.settings.params import AskedForm, Compute, Dataset, Model
from sightline.settings.recipe import Augment, Box, Optimizer, Recipe, TrainSize
from sightline.training.loop import train

DATASET = Dataset(
    image_size=24, channels=3, val_size=0.2, longer_side=1.333, evaluation=AskedForm(32, 0.875)
)
RECIPE = Recipe(
    epochs=6,
    batch_size=8,
    optimizer=Optimizer("adam", 0.01),
    augment=Augment(crop=Box(area=[0.25, 1.0], ratio=[0.75, 1.333]), flip="random"),
    train_size=[TrainSize(16, 0.5), TrainSize(24)],
)
SETTINGS = {"cnn": {"widths": [8, 16]}, "resnet": {"widths": [8, 16], "blocks": 1}}


def stages(layout: Layout, network: str, recipe: Recipe = RECIPE) -> None:
    model = Model("photographs", network, "classify", "quick")
    recipe = replace(recipe, network=SETTINGS[network])
    train(network, model, recipe, Compute(device="cpu"), layout)
    evaluate(network, layout)
    export(network, layout)


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("size"))
    preprocessed(layout, DATASET, count=60)
    for network in SETTINGS:
        stages(layout, network)
    return layout


@pytest.mark.parametrize("network", SETTINGS)
def test_the_file_says_how_it_was_tested_and_takes_other_sizes(layout, network):
    session = Session(layout.model(network).onnx)
    image = session.metadata["image"]
    assert (image["height"], image["width"]) == (32, 32)
    assert image["resize"] == {"size": 32, "rule": image_files.RULE, "crop": 0.875}
    assert session.metadata["sightline_contract"] == 3
    assert read_json(layout.model(network).export, "")["contract"] == 3
    assert session.inputs["images"] == ["batch", "height", "width", 3]
    model = load_model(layout.trained(network))
    least = image["least_side"]
    assert least == {"cnn": 4, "resnet": 1}[network]
    for height, width in ((24, 24), (32, 40), (57, 33), (least, least), (least, 40)):
        images = np.random.RandomState(0).randint(0, 256, (3, height, width, 3)).astype(np.uint8)
        with torch.inference_mode():
            expected = model(torch.from_numpy(images))["logits"].numpy()
        assert np.allclose(session.run(images)["logits"], expected, atol=1e-4)


def test_it_learns_and_predict_asks_as_the_test_did(layout, tmp_path, monkeypatch, capsys):
    metrics = ModelResults("cnn", layout).metrics
    assert metrics["test"]["top1"] > 0.9
    monkeypatch.chdir(tmp_path)
    session = Session(layout.model("cnn").onnx)
    test, _ = load_split(layout.processed("photographs"), "test")
    asked = set(test[n].tobytes() for n in range(len(test)))
    files = [data for name, data in photographs(60).items() if name.startswith("test")]
    image = image_files.read(files[0], 32, 3, crop=0.875)
    assert image.tobytes() in asked
    (tmp_path / "one.jpg").write_bytes(files[0])
    assert main(["predict", str(layout.model("cnn").onnx), "one.jpg"]) == 0
    share = session.run(image[None])["probabilities"].max()
    assert f"{share:.1%}" in capsys.readouterr().out


def test_the_card_says_what_of_an_image_is_looked_at(layout):
    text = layout.model("cnn").card.read_text()
    assert "to 32 pixels, of which 0.875 of the shorter side." in text
    assert "uint8 [batch, height, width, 3]" in text
    assert "- `height` and `width` may be others, 4 at least." in text


def test_calibration_sees_train_images_as_the_model_takes_them(layout):
    images = train_images(layout.processed("photographs"), 7)
    assert images.shape == (7, 32, 32, 3) and images.any(axis=(1, 2, 3)).all()


def test_a_square_dataset_trains_on_crops_too(tmp_path):
    layout = Layout(tmp_path)
    preprocessed(layout, Dataset(image_size=24, channels=3, val_size=0.2))
    stages(layout, "cnn", replace(RECIPE, train_size=[]))
    session = Session(layout.model("cnn").onnx)
    assert "crop" not in session.metadata["image"]["resize"]
    assert session.metadata["sightline_contract"] == 3
    assert train_images(layout.processed("photographs"), 7).shape[1:] == (24, 24, 3)


def test_without_crops_everything_is_as_it_was(tmp_path):
    layout = Layout(tmp_path)
    preprocessed(layout, Dataset(image_size=24, channels=3, val_size=0.2))
    stages(layout, "cnn", replace(RECIPE, train_size=[], augment=Augment(flip="random")))
    session = Session(layout.model("cnn").onnx)
    assert session.inputs["images"] == ["batch", 24, 24, 3]
    assert session.metadata["sightline_contract"] == 2
    assert "least_side" not in session.metadata["image"]
    recipe = session.metadata["recipe"]
    assert "train_size" not in recipe and "crop" not in recipe["augment"]


def test_a_graph_that_fixes_a_side_is_refused(layout, monkeypatch):
    """A network that claims any size and keeps a side of its example is caught by the checks."""
    usual = cnn.Network.features

    def fixed(self, images, lengths=None):
        return usual(self, images) * (int(images.shape[3]) / 32)

    monkeypatch.setattr(cnn.Network, "features", fixed)
    with pytest.raises(SightlineError, match="was not written"):
        export("cnn", layout)
    monkeypatch.undo()
    export("cnn", layout)
    assert onnx.load(layout.model("cnn").onnx).graph.input[0].name == "images"
