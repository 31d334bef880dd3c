"""The best epoch of a training by its figure on val: its weights, and how long ago it was."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from sightline.settings.recipe import Recipe
from sightline.tasks.words import Words


class Best:
    """What `keep: best` and `stop` of a recipe go by. Equal figures: the earlier epoch is best."""

    def __init__(self, recipe: Recipe, words: Words):
        self.keep = recipe.keep == "best"
        self.patience = recipe.stop.patience if recipe.stop else None
        self.column, self.sign = f"val_{words.figure}", 1 if words.higher_is_better else -1
        self.epoch, self.value = 0, 0.0
        self.weights: dict[str, Tensor] | None = None

    @property
    def asked_for(self) -> bool:
        """Whether the recipe goes by the best epoch at all."""
        return self.keep or self.patience is not None

    def see(self, row: dict[str, Any], weights: Callable[[], dict[str, Tensor]]) -> None:
        """Take note of an epoch by its row of the curve; `weights` gives those at its end."""
        value = float(row[self.column])
        if self.epoch and self.sign * (value - self.value) <= 0:
            return
        self.epoch, self.value = row["epoch"], value
        if self.keep:
            self.weights = {key: tensor.clone() for key, tensor in weights().items()}

    def long_ago(self, epochs: int) -> bool:
        """Return whether, after so many epochs, none was better for as long as patience lasts."""
        return self.patience is not None and epochs - self.epoch >= self.patience

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def load(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint stands."""
        self.epoch, self.value, self.weights = state["epoch"], state["value"], state["weights"]
