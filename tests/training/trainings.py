"""Short trainings on the bars of `support`: one recipe for each way to train."""

from dataclasses import replace

import torch

from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import (
    Augment,
    Box,
    Colour,
    Erase,
    Lookahead,
    Optimizer,
    Rates,
    Recipe,
    Schedule,
    TrainSize,
)
from sightline.training.device import choose
from sightline.training.loop import train
from sightline.training.setup import begin
from sightline.training.step import Training

COMPUTE = Compute(device="cpu", threads=1, checkpoint_seconds=1e9)
CNN = Recipe(
    epochs=3,
    batch_size=32,
    optimizer=Optimizer("sgd", 0.05, momentum=0.9, weight_decay=5e-4),
    schedule=Schedule("one-cycle", warmup=0.3),
    augment=Augment(rotate=5, scale=0.1, translate=1, flip="alternating", cutout=2),
    label_smoothing=0.1,
    ema=0.9,
    network={"widths": [4, 8]},
)
MUON = replace(
    CNN,
    optimizer=Optimizer(
        "muon",
        0.1,
        momentum=0.6,
        biases=Rates(1.0, momentum=0.85),
        head=Rates(0.2, momentum=0.85, weight_decay=0.01),
    ),
    schedule=Schedule("linear"),
    ema=0.0,
    lookahead=Lookahead(every=5, decay=0.95, power=3),
    frozen_after={"whiten": 1},
    network={
        "widths": [4, 8],
        "whiten": 2,
        "dirac": True,
        "norm_scale": False,
        "norm_momentum": 0.4,
        "activation": "gelu",
        "small_head": True,
    },
)
LSTM = Recipe(
    epochs=3,
    batch_size=32,
    optimizer=Optimizer("adam", 0.01),
    clip_norm=1.0,
    network={"hidden_size": 16, "layers": 2},
)
SHORT = replace(LSTM, min_rows=5, bptt_steps=4)
MLP = replace(LSTM, network={"widths": [16], "dropout": 0.3})
CROP = replace(
    CNN,
    augment=Augment(crop=Box(area=[0.7, 1.0], ratio=[0.8, 1.25]), flip="random"),
    train_size=[TrainSize(8, 0.5), TrainSize(12)],
)
MIX = replace(
    CNN,
    augment=Augment(
        colour=Colour(brightness=0.2, contrast=0.2, saturation=0.2),
        erase=Erase(area=[0.05, 0.2], ratio=[0.5, 2.0], chance=0.25),
        mixup=0.2,
        cutmix=1.0,
    ),
)
RECIPES = {
    "cnn": CNN,
    "muon": MUON,
    "lstm": LSTM,
    "short": SHORT,
    "mlp": MLP,
    "crop": CROP,
    "mix": MIX,
}
# of recipes that are not called as their network
NETWORKS = {"muon": "cnn", "short": "lstm", "crop": "cnn", "mix": "cnn"}


def model(recipe: str, task: str = "classify", seed: int = 3) -> Model:
    """Return the entry in params.yaml of the model that a recipe trains."""
    return Model("bars", NETWORKS.get(recipe, recipe), task, "its", seed, "random")


def run(
    layout: Layout, recipe: str, name: str = "it", compute: Compute = COMPUTE, **changes
) -> dict[str, bytes]:
    """Train by one of RECIPES, changed, and return the deterministic outputs."""
    train(name, model(recipe), replace(RECIPES[recipe], **changes), compute, layout)
    return outputs(layout, name)


def before_its_first_step(
    layout: Layout, recipe: str, task: str = "classify", compute: Compute = COMPUTE, **changes
) -> Training:
    """Return a training by one of RECIPES, changed, that has taken no step."""
    changed = replace(RECIPES[recipe], **changes)
    return begin("it", model(recipe, task), changed, choose(compute), layout)


def outputs(layout: Layout, name: str = "it") -> dict[str, bytes]:
    """Return the deterministic outputs of a training."""
    paths = [layout.trained(name).weights, layout.trained(name).epochs]
    return {path.name: path.read_bytes() for path in paths}


def timing(layout: Layout, name: str = "it") -> dict:
    """Return what a training took."""
    took = ModelResults(name, layout).timing
    assert took is not None
    return took


def rows(layout: Layout, name: str = "it") -> list[dict]:
    """Return epochs.csv."""
    return ModelResults(name, layout).epochs


def weights(layout: Layout, name: str = "it") -> dict[str, torch.Tensor]:
    """Return the state dict of the trained network."""
    return torch.load(layout.trained(name).weights, weights_only=True)
