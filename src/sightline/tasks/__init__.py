"""Tasks: what a model is asked for. One object each, a `base.Task`, found by the task's name.

Torch and numpy only, like training and networks; `FIGURES` can be read without torch.
"""

import importlib

from sightline import networks
from sightline.training.recipe import Recipe

# The figure by which models of a task are compared, and whether more of it is better.
FIGURES = {"classify": ("top1", True), "next-row": ("mse", False), "rotation": ("rmse", False)}


def task(name: str):
    """Return the object of a task. Imports torch."""
    return importlib.import_module(f"sightline.tasks.{name.replace('-', '_')}").TASK


def mistake(name: str, network: str, recipe: Recipe) -> str | None:
    """Return why a network with a recipe cannot do a task, and what to do; None where it can.

    Imports torch. Raises TypeError or ValueError where the network refuses the recipe's settings.
    """
    module = networks.module(network)
    if (recipe.min_rows or recipe.bptt_steps) and not module.Network.takes_lengths:
        return "min_rows and bptt_steps are for networks that read sequences: drop them"
    settings = module.Settings(**recipe.network)
    return task(name).mistake(module.Network, settings, recipe)
