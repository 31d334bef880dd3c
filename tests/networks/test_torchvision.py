"""Every classification model of torchvision as a network: built, refused, trained, exported."""

import json
import shutil

import pytest
import torch
from support import change, copy_settings, write_processed
from torch import nn
from torchvision import models

from sightline.data.fetch import download_weights
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.evaluation.flops import flops
from sightline.inference.session import Session
from sightline.layout import Layout
from sightline.models.check import check_models
from sightline.models.trained import TrainedModel, serialise
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Augment, Box, Optimizer, Recipe
from sightline.training.device import choose
from sightline.training.loop import train
from sightline.training.setup import begin

COMPUTE = Compute(device="cpu", threads=1, checkpoint_seconds=1e9)
SIZE = 32
LARGER = {"alexnet": 64, "inception_v3": 75}  # what these need
# giga-operations for an image of torchvision's own size: half of the models, some of every family
# but two; the rest of a family differs in depth and width
MOST = 6.0
LARGE = ("maxvit_t", "vgg")  # the one reads 224 pixels and no less, the other has 500 MB of weights
SMALL = [
    name
    for name in models.list_models(module=models)
    if next(iter(models.get_model_weights(name))).meta["_ops"] <= MOST
    and not name.startswith(LARGE)
]


def recipe(architecture: str) -> Recipe:
    """Return a recipe of two steps, of crops: what can reads images of other sizes then."""
    return Recipe(
        epochs=1,
        batch_size=4,
        optimizer=Optimizer("sgd", 1e-4),
        augment=Augment(crop=Box(area=[0.5, 1.0], ratio=[0.75, 1.333])),
        network={"architecture": architecture},
    )


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    """A workspace with eight colour images of each size to train on."""
    layout = Layout(tmp_path_factory.mktemp("vision"))
    counts = {"train": 8, "val": 0, "test": 4}
    for size in {SIZE, *LARGER.values()}:
        folder = layout.processed(f"bars-{size}").path
        write_processed(folder, classes=2, size=size, channels=3, counts=counts)
    layout.weights_catalogue.parent.mkdir(exist_ok=True)
    return layout


def entry(start: str = "random", size: int = SIZE) -> Model:
    return Model(f"bars-{size}", "torchvision", "classify", "its", start=start)


def described(architecture: str, channels: int = 3) -> TrainedModel:
    """Return an untrained model in evaluation mode."""
    data = {"mean": [0.5] * channels, "std": [0.25] * channels, "classes": ["a", "b", "c"]}
    description = {"name": "it", "network": "torchvision", "task": "classify", "data": data}
    description |= {"shape": [SIZE, SIZE, channels], "outputs": 3}
    description["recipe"] = {"network": {"architecture": architecture}}
    return TrainedModel(description).eval()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", SMALL)
def test_a_model_goes_through_all_stages(layout, architecture):
    from sightline.export.export import export
    from sightline.insight.insight import insight

    name, size = architecture.replace("_", "-"), LARGER.get(architecture, SIZE)
    train(name, entry(size=size), recipe(architecture), COMPUTE, layout)
    evaluate(name, layout)
    insight(name, layout)
    export(name, layout)
    figures = json.loads(layout.results(name).figures.read_text())
    assert figures["flops"] > figures["parameters"]
    checks = json.loads(layout.model(name).export.read_text())
    assert checks["bytes"] > 4 * figures["parameters"] * 0.9
    assert layout.results(name).insight.picture("occlusion").exists()
    one_size = architecture.startswith(("alexnet", "swin", "vit"))
    sides = [size, size] if one_size else ["height", "width"]
    session = Session(layout.model(name).onnx)
    assert session.inputs["images"] == ["batch", *sides, 3]
    assert ("least_side" in session.metadata["image"]) is not one_size
    for files in (layout.trained(name), layout.model(name)):  # a gigabyte, all of them
        shutil.rmtree(files.path)


def test_grey_images_are_read_as_colours():
    torch.manual_seed(0)
    grey, colours = described("mobilenet_v3_small", 1), described("mobilenet_v3_small")
    colours.load_state_dict(grey.state_dict())
    images = torch.randint(0, 256, (2, SIZE, SIZE, 1), dtype=torch.uint8)
    with torch.no_grad():
        one, other = grey(images), colours(images.expand(-1, -1, -1, 3))
    assert one["features"].shape == (2, 1024)
    assert torch.allclose(one["logits"], other["logits"], atol=1e-5)


def test_operations_are_counted_as_layers_are():
    """The count of operations is that of layers, where a network has nothing but layers."""
    model = described("resnet18")
    counted = flops(model)
    model.network.multiplies_outside_layers = False
    assert counted == flops(model)
    assert flops(described("vit_b_32")) > 0


def test_published_weights_are_those_of_torchvisions_own_model(layout):
    torch.manual_seed(1)
    theirs = models.resnet18().eval()
    given = layout.root / "resnet18.pth"
    given.write_bytes(serialise(theirs.state_dict()))
    file = {"name": given.name, "role": "weights", "urls": [given.as_uri()]}
    about = {"format": "torch", "names": "torchvision", "note": "-", "terms": "-", "file": file}
    layout.weights_catalogue.write_text(json.dumps({"published": about}))
    download_weights("published", layout)
    training = begin("it", entry("published"), recipe("resnet18"), choose(COMPUTE), layout)
    theirs.set_submodule("fc", nn.Identity())
    images = torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        assert torch.allclose(training.network.eval().features(images), theirs(images), atol=1e-5)
    assert training.description["start"]["tensors"] == len(theirs.state_dict())
    with pytest.raises(
        SightlineError, match=r"it: cannot start from published: \d+ of \d+ tensors"
    ):
        begin("it", entry("published"), recipe("resnet34"), choose(COMPUTE), layout)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (
            "resnet5",
            "no classification model 'resnet5': the nearest of its 80 are resnet50, resnet",
        ),
        ("alexnet", "alexnet cannot read 28 x 28 images (Given input size: (192x2x2)"),
        ("vit_b_16", "vit_b_16 cannot read 28 x 28 images: take a multiple of 16, its patch"),
        ("maxvit_t", "cannot read 28 x 28 images: take a multiple of 224, for its windows"),
    ],
)
@pytest.mark.faults
def test_a_mistake_is_one_line_before_anything_is_downloaded(tmp_path, architecture, message):
    layout = copy_settings(tmp_path)
    change(layout, "models.mnist-cnn.network", "torchvision")
    change(layout, "recipes.cnn-4.network", {"architecture": architecture})
    with pytest.raises(SightlineError) as caught:
        check_models(params.load(layout), layout, ["mnist-cnn"])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not layout.raw("mnist").path.exists()
