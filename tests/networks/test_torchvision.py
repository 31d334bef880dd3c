"""Every classification model of torchvision as a network: built, refused, trained, exported."""

import json

import pytest
import torch
from support import change, copy_settings, write_processed
from torch import nn

from sightline.data.fetch import download_weights
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.evaluation.flops import flops
from sightline.layout import Layout
from sightline.models.check import check_models
from sightline.models.trained import TrainedModel, serialise
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Optimizer, Recipe
from sightline.training.device import choose
from sightline.training.loop import train
from sightline.training.setup import begin

COMPUTE = Compute(device="cpu", threads=1, checkpoint_seconds=1e9)
SIZE = 64
# one of each family that 64 pixels and a test can afford; the rest of a family differs in size
SMALL = [
    *("densenet121", "efficientnet_b0", "googlenet", "mnasnet0_5", "mobilenet_v2"),
    *("mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1"),
    *("convnext_tiny", "swin_t", "vit_b_32"),
]


def recipe(architecture: str) -> Recipe:
    """Return a recipe of two steps."""
    return Recipe(
        epochs=1,
        batch_size=4,
        optimizer=Optimizer("sgd", 1e-4),
        network={"architecture": architecture},
    )


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    """A workspace with eight colour images to train on."""
    layout = Layout(tmp_path_factory.mktemp("vision"))
    counts = {"train": 8, "val": 4, "test": 6}
    write_processed(layout.processed("bars").path, size=SIZE, channels=3, counts=counts)
    layout.weights_catalogue.parent.mkdir(exist_ok=True)
    return layout


def entry(start: str = "random") -> Model:
    return Model("bars", "torchvision", "classify", "its", start=start)


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

    name = architecture.replace("_", "-")
    train(name, entry(), recipe(architecture), COMPUTE, layout)
    evaluate(name, layout)
    insight(name, layout)
    export(name, layout)
    figures = json.loads(layout.results(name).figures.read_text())
    assert figures["flops"] > figures["parameters"]
    checks = json.loads(layout.model(name).export.read_text())
    assert checks["bytes"] > 4 * figures["parameters"] * 0.9
    assert layout.results(name).insight.picture("occlusion").exists()


@pytest.mark.slow
@pytest.mark.faults
def test_what_cannot_be_exported_says_why(layout):
    from sightline.export.export import export

    train("alexnet", entry(), recipe("alexnet"), COMPUTE, layout)
    evaluate("alexnet", layout)
    with pytest.raises(SightlineError, match=r"alexnet cannot be exported .*adaptive_avg_pool2d"):
        export("alexnet", layout)
    assert not layout.model("alexnet").onnx.exists()


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
    from torchvision.models import resnet18

    torch.manual_seed(1)
    theirs = resnet18().eval()
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
        ("vit_b_16", "vit_b_16 cannot read 28 x 28 images (Input shape indivisible by patch size"),
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
