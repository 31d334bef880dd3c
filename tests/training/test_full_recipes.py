"""The recipes for data that no test holds: the real params.yaml, a few steps, narrower networks."""

from dataclasses import replace
from pathlib import Path

import pytest
from support import write_processed

from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.training.loop import train

PROJECT = Layout(Path(__file__).parents[2])


@pytest.mark.parametrize("name", ["record-cifar100", "record-imagenet"])
def test_a_recipe_for_the_full_data_learns_from_little(name, tmp_path):
    recipe = params.load(PROJECT).recipe(name)
    rate = recipe.optimizer.learning_rate * 24 / recipe.batch_size
    recipe = replace(
        recipe,
        epochs=5,
        batch_size=24,
        optimizer=replace(recipe.optimizer, learning_rate=rate),
        augment=replace(recipe.augment, translate=2, flip="none"),  # the class is a bar's place
        network=recipe.network | {"widths": [8, 16, 16, 32]},
    )
    layout = Layout(tmp_path)
    write_processed(layout.processed("bars").path, size=16, channels=3)
    model = Model("bars", "resnet", "classify", name)
    train("bars-resnet", model, recipe, Compute("cpu", threads=1), layout)
    rows = ModelResults("bars-resnet", layout).epochs
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert float(rows[-1]["val_top1"]) > 0.6  # of three classes
