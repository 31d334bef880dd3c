"""Trained, evaluated and exported models of every network, made by the stages themselves."""

from pathlib import Path

from support import write_processed

from sightline.evaluation import evaluate
from sightline.layout import Layout
from sightline.training.loop import train
from sightline.training.recipe import Compute, Model, Optimizer, Recipe

SETTINGS = {
    "mlp": {"widths": [16]},
    "cnn": {"widths": [4, 8]},
    "resnet": {"widths": [8, 16], "blocks": 1},
    "rnn": {"hidden_size": 8},
    "irnn": {"hidden_size": 8},
    "lstm": {"hidden_size": 8},
    "gru": {"hidden_size": 8},
}
VARIANTS = {
    "cnn-whiten": (
        "cnn",
        {"widths": [4, 8], "convolutions": 3, "whiten": 2, "activation": "gelu", "dirac": True},
    ),
    "lstm-deep": ("lstm", {"hidden_size": 8, "layers": 2, "bidirectional": True}),
    "gru-pixels": ("gru", {"hidden_size": 8, "sequence": "pixels"}),
    "irnn-permuted": ("irnn", {"hidden_size": 8, "sequence": "permuted-pixels"}),
}
MODELS = {name: (name, settings) for name, settings in SETTINGS.items()} | VARIANTS


def trained(root: Path, *names: str) -> Layout:
    """Train and evaluate models of MODELS for one epoch on bars; return where they lie."""
    layout = Layout(root)
    write_processed(layout.processed("bars"))
    for name in names:
        network, settings = MODELS[name]
        recipe = Recipe(1, 32, Optimizer("adam", 0.02), network=settings)
        model = Model("bars", network, "classify", "quick")
        train(name, model, recipe, Compute(device="cpu"), layout, root / "state")
        evaluate(name, layout)
    return layout
