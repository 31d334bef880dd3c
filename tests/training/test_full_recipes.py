"""The recipes for data that no test holds: the real params.yaml, a few steps, narrower networks."""

from dataclasses import replace
from pathlib import Path

import pytest
from support import write_processed

from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Box
from sightline.training.loop import train

PROJECT = Layout(Path(__file__).parents[2])


@pytest.mark.parametrize(
    "name",
    ["record-cifar100-gpu", "record-imagenet", "record-imagenet-50", "record-imagenet-90"],
)
def test_a_recipe_for_the_full_data_learns_from_little(name, tmp_path):
    recipe = params.load(PROJECT).recipe(name)
    # the class is a bar's place: it must stay within the image
    crop = Box(area=[0.8, 1], ratio=[0.9, 1.1]) if recipe.augment.crop else None
    recipe = replace(
        recipe,
        epochs=8,
        batch_size=24,
        optimizer=replace(recipe.optimizer, learning_rate=0.05),
        augment=replace(recipe.augment, crop=crop, translate=0, rotate=0, flip="none"),
        train_size=[replace(size, pixels=size.pixels // 8) for size in recipe.train_size],
        accumulate=min(recipe.accumulate, 2),
        network=recipe.network | {"widths": [8, 16, 16, 32]},
    )
    layout = Layout(tmp_path)
    write_processed(layout.processed("bars").path, size=24, channels=3)
    model = Model("bars", "resnet", "classify", name)
    train("bars-resnet", model, recipe, Compute("cpu", threads=1), layout)
    rows = ModelResults("bars-resnet", layout).epochs
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert float(rows[-1]["val_top1"]) > 0.6  # of three classes
