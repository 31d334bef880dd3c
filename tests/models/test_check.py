"""Whether networks, tasks and recipes go together: what `sightline validate` says of models."""

import shutil

import pytest
from support import PROJECT, change, copy_settings

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.check import check_models
from sightline.settings import params


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A folder with the project's own params.yaml and catalogues."""
    return copy_settings(tmp_path)


def mistakes(layout: Layout) -> list[str]:
    """What is wrong with the models of params.yaml, a line each."""
    with pytest.raises(SightlineError) as caught:
        check_models(params.load(layout), layout)
    return str(caught.value).splitlines()


def test_the_projects_own_models_are_valid(layout):
    settings = params.load(layout)
    check_models(settings, layout)
    model, recipe = settings.model("mnist-lstm")
    assert (model.network, recipe.network["hidden_size"]) == ("lstm", 128)


@pytest.mark.parametrize(
    ("recipe", "model"),
    [
        ("fast-mnist-99", "mnist-cnn"),
        ("record-mnist", "mnist-cnn"),
        ("record-fashion", "fashion-mnist-cnn"),
        ("record-cifar10-90", "cifar10-cnn"),
        ("record-cifar10-94", "cifar10-cnn"),
    ],
)
def test_a_record_recipe_is_one_override_away(layout, recipe, model):
    change(layout, f"models.{model}.recipe", recipe)
    settings = params.load(layout)
    check_models(settings, layout)
    assert settings.model(model)[1].optimizer.name == "muon"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("models.mnist-cnn.network", "cn", "no network 'cn': did you mean 'cnn'?"),
        ("models.mnist-cnn.task", "clasify", "no task 'clasify': did you mean 'classify'?"),
        ("recipes.mlp-6.network.width", [4], "recipes.mlp-6.network.width: unknown key: did you"),
        ("recipes.mlp-6.network.widths", [0], "(used by models.mnist-mlp)"),
        ("models.mnist-gru.network", "cnn", "recipes.rows-6.network.widths: this key is required"),
        (
            "models.mnist-cnn.task",
            "next-row",
            "models.mnist-cnn: cnn with recipe cnn-4 cannot do next-row: it sees the whole image "
            "at once: take rnn, irnn, lstm or gru",
        ),
        ("recipes.mlp-6.min_rows", 2, "min_rows and bptt_steps are for networks that read"),
        ("recipes.rows-6.min_rows", 29, "an image has 28 rows, and min_rows is 29: lower it"),
        (
            "datasets.mnist.image_size",
            1,
            "halve a 1 x 1 image to nothing: change recipes.cnn-4.net",
        ),
        (
            "recipes.cnn-4.train_size",
            [{"pixels": 14, "until": 0.5}, {"pixels": 32}],
            "models.mnist-cnn: cnn with recipe cnn-4 cannot do classify: train_size goes up to 32 "
            "pixels, and 28 are stored: lower it, or raise image_size",
        ),
        (
            "datasets.mnist.evaluation",
            {"image_size": 32, "crop": 0.875},
            "models.mnist-mlp: mlp with recipe mlp-6 cannot do classify: it is trained at 28 "
            "pixels and asked at 32, and cannot read 28 beside that: set train_size and the data",
        ),
        (
            "recipes.rows-6.train_size",
            [{"pixels": 14}],
            "models.mnist-lstm: lstm with recipe rows-6 cannot do classify: it is trained at 14",
        ),
        (
            "recipes.cnn-4.train_size",
            [{"pixels": 4}],
            "models.mnist-cnn: cnn with recipe cnn-4 cannot do classify: it is trained at 4 pixels",
        ),
        (
            "recipes.cnn-rotation-8.augment",
            {"mixup": 0.2},
            "cannot do rotation: mixup and cutmix mix classes, and here are none: drop them",
        ),
        (
            "datasets.mnist.longer_side",
            1.333,
            "models.mnist-lstm-next-row: lstm with recipe next-row-6 cannot do next-row: it looks",
        ),
        ("recipes.cnn-4.frozen_after", {"block": 1}, "which the network lacks: did you mean 'bloc"),
        ("recipes.cnn-4.frozen_after", {"blocks": 1, "head": 0}, "no part to train in the last"),
        (
            "recipes.cnn-4.optimizer.parts",
            {"block": {"learning_rate": 0.1}},
            "optimizer.parts names block, which the network lacks: did you mean 'blocks'?",
        ),
        (
            "models.mnist-cnn.start",
            None,
            "models.mnist-cnn.start: this key is required: random, or the model or the weights",
        ),
        (
            "recipes.cnn-4.frozen_norms",
            True,
            "models.mnist-cnn: cnn-4 has frozen_norms, the statistics of a start are kept, and "
            "mnist-cnn starts from random: name a start, or drop it",
        ),
        (
            "models.mnist-cnn.start",
            "cifar10-cnn",
            "models.mnist-cnn.start: cifar10-cnn: 30 of 36 tensors do not fit: blocks.0.0.weight "
            "is 24 x 3 x 3 x 3, the network's is 16 x 1 x 3 x 3, ",
        ),
        ("compute.processes", 1000, "cannot be shared by 1000 processes: lower compute.processes"),
        ("recipes.rows-6.network.hidden_size", "128", "recipes.rows-6.network.hidden_size"),
        ("recipes.cnn-4.network.widths", [512.0], "recipes.cnn-4.network.widths"),
    ],
)
@pytest.mark.faults
def test_what_does_not_go_together_is_named(layout, place, value, message):
    change(layout, place, value)
    lines = mistakes(layout)
    assert message in "\n".join(lines)
    assert all(line.startswith(str(layout.params)) for line in lines)


@pytest.mark.faults
def test_weights_of_another_architecture_are_named_before_they_are_fetched(layout):
    shutil.copy(PROJECT / "data" / "weights.yaml", layout.weights_catalogue)
    change(layout, "weights", ["resnet18-imagenet-v1"])
    change(layout, "models.imagenet-resnet.start", "resnet18-imagenet-v1")
    recipe = params.load(layout).models["imagenet-resnet"].recipe
    assert mistakes(layout)[0].endswith(
        "models.imagenet-resnet.start: resnet18-imagenet-v1 is of torchvision's resnet18, and "
        f"{recipe} has resnet: set network: torchvision and its setting architecture: resnet18"
    )
    change(layout, "models.imagenet-resnet.network", "torchvision")
    change(layout, f"recipes.{recipe}.network", {"architecture": "resnet34"})
    assert f"and {recipe} has resnet34: " in mistakes(layout)[0]
    change(layout, f"recipes.{recipe}.network", {"architecture": "resnet18"})
    check_models(params.load(layout), layout, ["imagenet-resnet"])


@pytest.mark.faults
def test_permuted_pixels_show_no_upper_rows(layout):
    change(layout, "recipes.rows-6.network.sequence", "permuted-pixels")
    change(layout, "recipes.rows-6.min_rows", 4)
    assert "a network of permuted pixels reads none: drop it" in mistakes(layout)[0]


@pytest.mark.faults
def test_a_batch_norm_of_one_value_is_named(layout):
    change(layout, "recipes.cnn-4.batch_size", 1)
    check_models(params.load(layout), layout, ["mnist-cnn"])
    change(layout, "recipes.cnn-4.network.widths", [8, 8, 8])
    change(layout, "datasets.mnist.image_size", 8)
    assert "it refuses a batch of one image: Expected more than 1 value" in mistakes(layout)[0]


@pytest.mark.faults
def test_what_cannot_compile_is_named(layout, monkeypatch):
    change(layout, "compute.compile", True)
    change(layout, "compute.device", "cpu")
    monkeypatch.setenv("CXX", "no-such-compiler --fast")
    (line,) = mistakes(layout)
    assert "compute.compile: on the CPU torch compiles with no-such-compiler" in line
    monkeypatch.setenv("CXX", "true")
    check_models(params.load(layout), layout)


def test_a_batch_that_is_no_pairs_to_mix_is_named(layout):
    change(layout, "recipes.cnn-4.augment.cutmix", 1.0)
    check_models(params.load(layout), layout, ["mnist-cnn"])
    change(layout, "recipes.cnn-4.batch_size", 127)
    assert "a batch of 127 is no pairs for each of 1 processes: make b" in mistakes(layout)[0]


def test_a_network_may_be_swapped_for_one_that_takes_the_same_settings(layout):
    change(layout, "models.mnist-lstm.network", "gru")
    check_models(params.load(layout), layout)


def test_a_model_may_start_from_another_whose_network_it_has(layout):
    change(layout, "models.cifar100-cnn.start", "cifar10-cnn")
    check_models(params.load(layout), layout)


def test_models_that_are_not_asked_about_do_not_matter(layout):
    change(layout, "models.mnist-cnn.network", "cn")
    check_models(params.load(layout), layout, ["mnist-mlp"])
