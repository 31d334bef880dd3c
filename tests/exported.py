"""Trained, evaluated and exported models of every network, made by the stages themselves."""

from pathlib import Path

from support import write_processed

from sightline.evaluation.evaluate import evaluate
from sightline.layout import Layout
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Optimizer, Recipe
from sightline.training.loop import train

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
TASKS = {  # what does not classify
    "lstm-next-row": ("lstm", {"hidden_size": 32}, "next-row"),
    "cnn-rotation": ("cnn", {"widths": [8, 16]}, "rotation"),
}


def entry(name: str) -> tuple[str, dict, str]:
    """Return network, settings and task of a model of MODELS or TASKS."""
    return TASKS[name] if name in TASKS else (*MODELS[name], "classify")


def trained(root: Path, *names: str, epochs: int = 1) -> Layout:
    """Train and evaluate models of MODELS or TASKS on bars; return where they lie."""
    layout = Layout(root)
    write_processed(layout.processed("bars").path)
    for name in names:
        network, settings, task = entry(name)
        recipe = Recipe(epochs, 32, Optimizer("adam", 0.02), network=settings)
        model = Model("bars", network, task, "quick")
        train(name, model, recipe, Compute(device="cpu"), layout)
        evaluate(name, layout)
    return layout
