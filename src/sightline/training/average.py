"""Averages of a network's weights over the run."""

import torch
from torch import nn

from sightline.settings.recipe import Lookahead as LookaheadSettings
from sightline.settings.recipe import Recipe


def average(network: nn.Module, recipe: Recipe) -> "Average | Lookahead | None":
    """Return the average that the recipe names, whose `values` are then what counts, or None."""
    if recipe.ema:
        return Average(network, recipe.ema)
    return Lookahead(network, recipe.lookahead) if recipe.lookahead else None


class Average:
    """The exponential moving average of a network's weights (Polyak averaging)."""

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.values = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int, steps: int) -> None:
        """Move the average towards the weights; integers (step counters) are copied."""
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[key].lerp_(value, 1 - self.decay)
            else:
                self.values[key].copy_(value)


class Lookahead:
    """Slow weights: every few steps they move towards the fast ones, which go on from there.

    Zhang et al. 2019 (arXiv:1907.08610), with the schedule of KellerJordan/cifar10-airbench: what
    the slow weights keep of themselves, decay^every * (step / steps)^power, grows over the run. At
    the end the slow weights are the network.
    """

    def __init__(self, network: nn.Module, settings: LookaheadSettings):
        self.settings = settings
        self.values = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int, steps: int) -> None:
        """Do what is due after step number `step` (1 .. steps)."""
        settings = self.settings
        if step < steps and step % settings.every:
            return
        keep = settings.decay**settings.every * (step / steps) ** settings.power
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[key].lerp_(value, 0 if step == steps else 1 - keep)
                value.copy_(self.values[key])
            else:
                self.values[key].copy_(value)
