"""`sightline add` and `sightline remove`: a dataset and a model of one's own."""

import json
import logging
import shutil
import zlib

import numpy as np
import pytest
import yaml
from PIL import Image
from support import PROJECT, change, copy_settings

from sightline.cli import main
from sightline.layout import Layout
from sightline.settings import params
from sightline.settings.steps import few_steps, recipe_for, recipe_to_tune


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """The project's settings, and beside them a folder of images that has its oddities."""
    root, photos = tmp_path / "workspace", tmp_path / "my photos"
    root.mkdir()
    copy_settings(root)
    shutil.copy(PROJECT / "dvc.yaml", root)
    shutil.copy(Layout(PROJECT).weights_catalogue, Layout(root).weights_catalogue)
    monkeypatch.chdir(root)
    pixels = np.random.RandomState(0).randint(0, 255, (20, 8, 8, 3), np.uint8)
    for index, image in enumerate(pixels):
        file = photos / ("cat", "dog")[index % 2] / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((24, 12) if index == 19 else (8, 8)).save(file)
    (photos / "cat" / "notes.txt").write_text("none")
    return root


def content(root):
    return {p.name: p.read_bytes() for p in (*root.glob("*.yaml"), *root.glob("data/*/*.yaml"))}


@pytest.mark.slow
def test_what_is_added_is_complete_and_what_is_removed_leaves_no_byte(workspace, capsys, caplog):
    before = content(workspace)
    caplog.set_level(logging.WARNING)
    assert main(["add", "dataset", "pets", "../my photos", "--size", "16"]) == 0
    output = capsys.readouterr().out
    assert ["in", "all", "14", "2", "4"] in [line.split() for line in output.splitlines()]
    assert "written into params.yaml: datasets.pets" in output
    assert "pets: 1 file of cat: not images by content" in caplog.text
    assert "in pixels: smallest 8 x 8, median 8 x 8, largest 24 x 12" in output
    (link,) = (word for word in output.split() if word.startswith("file://"))
    with Image.open(link.removeprefix("file://")) as sheet:
        assert not sheet.getcolors(100), "images of many colours are on it"
        assert sheet.height < 2 * sheet.width, "a line for each of two classes"

    assert main(["add", "model", "pets-cnn", "--dataset", "pets", "--network", "cnn"]) == 0
    assert "written into dvc.yaml: artifacts.pets-cnn" in capsys.readouterr().out
    settings = yaml.safe_load((workspace / "params.yaml").read_text())
    recipe = settings["recipes"][settings["models"]["pets-cnn"]["recipe"]]
    assert recipe["batch_size"] == 16 and "flip" not in recipe.get("augment", {})
    pipeline = yaml.safe_load((workspace / "dvc.yaml").read_text())
    curves = [
        column
        for item in pipeline["plots"]
        for title, plot in item.items()
        if title.startswith("pets:")
        for path, column in plot["y"].items()
        if path == "trained/pets-cnn/epochs.csv"
    ]
    assert curves == ["val_top1", "train_loss"]
    assert "reports/pets-cnn/tables/confusion.csv" in [key for p in pipeline["plots"] for key in p]
    assert pipeline["artifacts"]["pets-cnn"]["path"] == "models/pets-cnn/model.onnx"

    # the demo's data changes, one's own stays: it stands in a catalogue of its own
    params_file = workspace / "params.yaml"
    written = params_file.read_text()
    params_file.write_text(written.replace("catalogue: sample", "catalogue: official"))
    assert main(["validate"]) == 0
    params_file.write_text(written)
    capsys.readouterr()

    assert main(["remove", "pets"]) == 1
    assert "`sightline remove` these first" in capsys.readouterr().err
    assert main(["remove", "pets-cnn"]) == main(["remove", "pets"]) == 0
    assert content(workspace) == before


@pytest.mark.slow
def test_weights_to_begin_with_say_network_and_recipe(workspace, capsys, caplog):
    assert main(["add", "dataset", "pets", "../my photos", "--size", "32"]) == 0
    assert "--start mobilenet-v2-imagenet-v1" in capsys.readouterr().out
    before, names = content(workspace), ("resnet18-imagenet-v1", "mobilenet-v2-imagenet-v1")
    caplog.set_level(logging.WARNING)
    for model, start in zip(("pets-a", "pets-b", "pets-c"), (*names, names[1]), strict=True):
        assert main(["add", "model", model, "--dataset", "pets", "--start", start]) == 0
    assert "pets has images of 32 pixels" in caplog.text
    assert f"written into params.yaml: weights: {names[1]}" in capsys.readouterr().out
    settings = params.load(Layout(workspace))
    assert settings.weights == list(names)
    model, recipe = settings.model("pets-b")
    assert (model.network, model.start) == ("torchvision", names[1])
    assert recipe.network == {"architecture": "mobilenet_v2"} and recipe.frozen_norms
    assert recipe.optimizer.parts["head"].learning_rate > recipe.optimizer.learning_rate

    assert main(["add", "model", "again", "--dataset", "cifar10", "--start", "cifar100-cnn"]) == 0
    model, recipe = params.load(Layout(workspace)).model("again")
    assert (model.network, recipe.network) == ("cnn", {"widths": [24, 48, 96]})
    assert main(["remove", "pets-b"]) == 0
    assert params.load(Layout(workspace)).weights == list(names), "pets-c begins with them"
    assert (
        main(["remove", "again"]) == main(["remove", "pets-a"]) == main(["remove", "pets-c"]) == 0
    )
    assert content(workspace) == before


@pytest.mark.faults
def test_a_broken_image_is_refused_with_a_way_on_and_left_out_where_that_is_asked(
    workspace, capsys, caplog
):
    (workspace.parent / "my photos" / "cat" / "broken.jpg").write_text("moved to another place")
    add = ["add", "dataset", "pets", "../my photos", "--size", "16"]
    assert main(add) == 1
    error = capsys.readouterr().err
    assert "cat/broken.jpg is broken" in error and "add `--broken-images skip`" in error
    # and one of 40,000 x 40,000 pixels, as its header has it
    good = next((workspace.parent / "my photos" / "dog").glob("*.png")).read_bytes()
    header = b"IHDR" + (40_000).to_bytes(4, "big") * 2 + good[24:29]
    huge = good[:12] + header + zlib.crc32(header).to_bytes(4, "big") + good[33:]
    (workspace.parent / "my photos" / "cat" / "huge.png").write_bytes(huge)
    assert main([*add, "--broken-images", "skip"]) == 0
    assert "pets: 2 files of cat: broken" in caplog.text
    assert params.load(Layout(workspace)).dataset("pets").broken_images == "skip"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("dataset Pets ../my_photos", "no such file or folder"),
        ("dataset mnist .", "there is a dataset 'mnist'"),
        ("model x --dataset mnst --network cnn", "did you mean 'mnist'?"),
        ("model mnist-cnn --dataset mnist --network cnn", "there is a model 'mnist-cnn'"),
        ("model x --dataset mnist --network cn --recipe cnn-4", "no network 'cn'"),
        ("model x --dataset mnist --network cnn --recipe no-recipe", "no recipe 'no-recipe'"),
        ("model x --dataset mnist", "name it with --network"),
        ("model x --dataset mnist --start resnet19-imagenet-v1", "mean 'resnet18-imagenet-v1'?"),
        ("model X --dataset mnist --network cnn --recipe cnn-4", "not a usable name"),
    ],
)
def test_what_validate_would_refuse_is_not_written(workspace, capsys, command, error):
    before = content(workspace)
    assert main(["add", *command.split()]) == 1
    output = capsys.readouterr()
    assert error in output.err and "add-" not in output.err and output.err.count("\n") == 1
    assert content(workspace) == before


def test_a_training_of_too_few_steps_is_said_with_the_number(workspace):
    layout = with_counts(workspace, {"train": 144, "val": 16, "test": 40})
    (warning,) = few_steps(params.load(layout), layout, ["cifar10-cnn"])
    assert warning.startswith("cifar10-cnn: 12 optimizer steps in all (144 train images")
    assert "set batch_size: 16" in warning
    change(layout, "recipes.cnn-colour-6.batch_size", 16)
    assert not list(few_steps(params.load(layout), layout, ["cifar10-cnn"]))


def with_counts(root, counts):
    layout = Layout(root)
    layout.processed("cifar10").path.mkdir(parents=True)
    layout.processed("cifar10").meta.write_text(json.dumps({"counts": counts}))
    return layout


@pytest.mark.parametrize(("images", "batch"), [(144, 16), (2000, 32), (90_000, 128)])
def test_the_recipe_follows_from_the_number_of_images(images, batch):
    usual = {
        "epochs": 6,
        "batch_size": 128,
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "augment": {"translate": 2, "flip": "random"},
    }
    recipe = recipe_for(images, 64, usual)
    assert recipe["batch_size"] == batch and recipe["augment"] == {"translate": 6}
    assert recipe["epochs"] * images / batch >= 600


@pytest.mark.parametrize(("images", "batch", "epochs"), [(144, 16, 12), (1800, 32, 4)])
def test_so_does_the_recipe_for_weights_to_begin_with(images, batch, epochs):
    recipe = recipe_to_tune(images, {"architecture": "mobilenet_v2"})
    assert (recipe["batch_size"], recipe["epochs"]) == (batch, epochs)
    assert "flip" not in recipe["augment"] and recipe["network"]["architecture"] == "mobilenet_v2"


@pytest.mark.slow
def test_without_the_demo_the_machinery_takes_data_of_ones_own(workspace, capsys):
    recipes = yaml.safe_load((workspace / "params.yaml").read_text())["recipes"]
    assert main(["remove", "--demo"]) == 0
    output = capsys.readouterr().out
    assert "taken out of params.yaml: models.mnist-cnn" in output
    bare = content(workspace)
    settings = yaml.safe_load(bare["params.yaml"])
    assert (settings["models"], settings["datasets"]) == ({}, {})
    assert settings["recipes"] == recipes, "somebody's own model may take them"
    pipeline = yaml.safe_load(bare["dvc.yaml"])
    assert (pipeline["plots"], pipeline["artifacts"]) == ([], {})
    assert main(["validate"]) == 0
    assert main(["remove", "--demo"]) == 1
    assert "no dataset is drawn: nothing of the demo is left" in capsys.readouterr().err

    assert main(["add", "dataset", "pets", "../my photos", "--size", "16"]) == 0
    assert main(["add", "model", "pets-cnn", "--dataset", "pets", "--network", "cnn"]) == 0
    assert main(["validate"]) == 0
    assert list(yaml.safe_load((workspace / "params.yaml").read_text())["models"]) == ["pets-cnn"]
    assert main(["remove", "pets-cnn"]) == main(["remove", "pets"]) == 0
    assert content(workspace) == bare


def test_a_line_that_a_model_lacks_is_named_and_written(workspace, capsys):
    pipeline, curve = workspace / "dvc.yaml", "trained/cifar10-lstm/epochs.csv"
    complete = pipeline.read_text()
    start, end = (complete.index(f"  {n}:\n    path") for n in ("mnist-gru", "mnist-lstm-next-row"))
    pipeline.write_text(
        (complete[:start] + complete[end:]).replace(f"        {curve}: val_top1\n", "")
    )
    assert main(["validate"]) == 1
    assert capsys.readouterr().err.splitlines()[-3:] == [
        "sightline: dvc.yaml lacks artifacts.mnist-gru",
        f"dvc.yaml lacks plots: cifar10: top-1 on val by epoch: {curve}",
        "`sightline validate --fix` writes these lines",
    ]
    assert main(["validate", "--fix"]) == main(["validate"]) == 0
    written, before = (yaml.safe_load(text) for text in (pipeline.read_text(), complete))
    assert written["plots"] == before["plots"] and written["artifacts"] == before["artifacts"]
