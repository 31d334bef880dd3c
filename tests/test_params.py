"""params.yaml: every mistake gets a line that names the place, and the name that was meant."""

import shutil
from pathlib import Path

import pytest
import yaml

from sightline.cli import main
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings import params

ROOT = Path(__file__).parent.parent
OTHER = {"dataset": "mnist", "network": "mlp", "task": "classify", "recipe": "mlp-6"}


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A folder with the project's own params.yaml and catalogues."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data" / "catalogues", tmp_path / "data" / "catalogues")
    return Layout(tmp_path)


def change(layout: Layout, place: str, value) -> None:
    """Set one value of params.yaml, `place` written with dots; None deletes it."""
    content = yaml.safe_load(layout.params.read_text())
    *parents, last = place.split(".")
    inner = content
    for parent in parents:
        inner = inner[parent]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    layout.params.write_text(yaml.safe_dump(content))


def test_the_projects_own_params_are_valid(layout):
    settings = params.load(layout)
    params.check_networks(settings, layout)
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
    params.check_networks(settings, layout)
    assert settings.model(model)[1].optimizer.name == "muon"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("catalogue", "offical", "no 'offical': did you mean 'official'?"),
        ("catalog", "sample", "catalog: unknown key: did you mean 'catalogue'?"),
        ("models.mnist-cnn.dataset", "minst", "no dataset 'minst': did you mean 'mnist'?"),
        ("models.mnist-cnn.network", "cn", "no network 'cn': did you mean 'cnn'?"),
        ("models.mnist-cnn.recipe", "cnn4", "no recipe 'cnn4': did you mean 'cnn-4'?"),
        ("models.mnist-cnn.recpie", "x", "recpie: unknown key: did you mean 'recipe'?"),
        ("models.mnist-cnn.task", "clasify", "'next-row' or 'rotation', not 'clasify'"),
        ("models.mnist-cnn.dataset", None, "models.mnist-cnn.dataset: this key is required"),
        ("models.mnist-cnn.seed", "one", "models.mnist-cnn.seed: input should be a valid integer"),
        ("models.Mnist_CNN", OTHER, "'Mnist_CNN' is not a usable name"),
        ("recipes.cnn-4.epochs", 0, "epochs is 0, it must be above 0"),
        ("recipes.cnn-4.epoch", 3, "recipes.cnn-4.epoch: unknown key: did you mean 'epochs'?"),
        ("recipes.cnn-4.optimizer.lr", 1, "recipes.cnn-4.optimizer.lr: unknown key"),
        ("recipes.cnn-4.optimizer.learning_rate", -1, "learning_rate is -1.0, it must be above 0"),
        ("recipes.cnn-4.optimizer.name", "muon", "muon steps filters alone: give biases and head"),
        ("recipes.rows-6.optimizer.momentum", 0.9, "adam has averages of its own"),
        ("recipes.cnn-4.optimizer.biases", {"learning_rate": 0}, "learning_rate is 0.0, it must"),
        ("recipes.cnn-4.optimizer.head", {"lr": 1}, "optimizer.head.lr: unknown key"),
        (
            "recipes.cnn-4.lookahead",
            {"every": 5, "decay": 1},
            "decay is 1.0, it must be at least 0",
        ),
        ("recipes.cnn-4.frozen_after", {"whiten": -1}, "cannot be negative"),
        ("recipes.cnn-4.schedule.warmup", 1, "warmup is 1.0, it must be at least 0 and below 1"),
        ("recipes.cnn-4.augment.translate", -1, "cannot be negative"),
        ("recipes.cnn-4.augment.rotate", 181, "rotate is 181.0, it must be from 0 to 180 degrees"),
        ("recipes.cnn-4.augment.scale", 1, "scale is 1.0, it must be at least 0 and below 1"),
        ("recipes.cnn-4.augment.flip", "maybe", "'none', 'random' or 'alternating'"),
        ("datasets.mnist.val_size", 1.5, "val_size is 1.5"),
        ("datasets.mnist.channels", 2, "input should be 1 or 3, not 2"),
        ("datasets.mnist.image_size", 0, "at least 1 pixel"),
        ("compute.threads", 0, "threads is 0, it must be above 0"),
        ("compute.device", "gpu", "'auto', 'cpu' or 'cuda', not 'gpu'"),
    ],
)
def test_a_mistake_is_named_with_its_place(layout, place, value, said):
    change(layout, place, value)
    with pytest.raises(SightlineError) as caught:
        params.load(layout)
    assert said in str(caught.value)
    assert all(line.startswith(str(layout.params)) for line in str(caught.value).splitlines())


def test_network_settings_are_checked_against_the_network(layout):
    change(layout, "recipes.cnn-4.network", {"width": [4]})
    with pytest.raises(
        SightlineError, match=r"recipes\.cnn-4\.network\.width: unknown key: .*mea"
    ) as e:
        params.check_networks(params.load(layout), layout)
    assert "used by models.mnist-cnn" in str(e.value)


def test_a_network_may_be_swapped_for_one_that_takes_the_same_settings(layout):
    change(layout, "models.mnist-lstm.network", "gru")
    params.check_networks(params.load(layout), layout)
    change(layout, "models.mnist-lstm.network", "cnn")
    with pytest.raises(SightlineError, match="widths"):
        params.check_networks(params.load(layout), layout)


def test_a_task_that_the_network_cannot_do_is_said_in_one_line(layout, monkeypatch, capsys):
    change(layout, "models.mnist-cnn.task", "next-row")
    monkeypatch.chdir(layout.root)
    assert main(["validate"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "models.mnist-cnn: cnn with recipe cnn-4 cannot do next-row: it sees the whole image at "
        "once: take rnn, irnn, lstm or gru"
    )


def test_no_file_and_no_yaml_are_said_in_one_line(layout):
    layout.params.write_text("a: [")
    with pytest.raises(SightlineError, match="is not valid YAML"):
        params.load(layout)
    layout.params.unlink()
    with pytest.raises(SightlineError, match="run this in the project's folder"):
        params.load(layout)


def test_an_unknown_model_on_the_command_line_gets_the_nearest_name(layout, monkeypatch, capsys):
    monkeypatch.chdir(layout.root)
    assert main(["train", "mnist-cn"]) == 1
    said = capsys.readouterr().err
    assert "did you mean 'mnist-cnn'?" in said and "Traceback" not in said


def test_validate_says_what_it_checked_and_finds_a_dataset_without_an_entry(
    layout, monkeypatch, capsys
):
    monkeypatch.chdir(layout.root)
    assert main(["validate"]) == 0
    assert "16 models" in capsys.readouterr().out
    change(layout, "datasets.flowers", {"image_size": 8, "channels": 3, "val_size": 0.1})
    assert main(["validate"]) == 1
    assert "no dataset 'flowers' in this catalogue" in capsys.readouterr().err
