"""Averages of a network's weights over the steps of its training."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sightline.settings.recipe import Lookahead as LookaheadSettings
from sightline.settings.recipe import Recipe


def average(network: nn.Module, recipe: Recipe) -> "MovingAverage | Lookahead | None":
    """Return the average that the recipe names, whose `values` are then what counts, or None."""
    if recipe.ema:
        return MovingAverage(network, recipe.ema)
    return Lookahead(network, recipe.lookahead) if recipe.lookahead else None


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights and buffers of a network as they stand."""
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


class MovingAverage:
    """The exponential moving average of weights and running statistics (Polyak averaging).

    Early steps are averaged over fewer steps, so that the random start is soon forgotten: the decay
    of step t (1, 2, ..) is min(decay, (1 + t) / (10 + t)), as in TensorFlow's
    tf.train.ExponentialMovingAverage with num_updates. The arithmetic is torch.optim.swa_utils';
    its AveragedModel around it would make a GPU wait at every step, for its counter.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay, self.values = decay, copy_of(network)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int, steps: int) -> None:
        """Move the average towards the weights after step number `step` (1 .. steps).

        Integers (step counters) are copied.
        """
        averages, weights = [], []
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                averages.append(self.values[key])
                weights.append(value)
            else:
                self.values[key].copy_(value)
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(averages, weights, step)


class Lookahead:
    """Slow weights: every few steps they move towards the fast ones, which go on from there.

    Zhang et al. 2019 (arXiv:1907.08610), with the schedule of KellerJordan/cifar10-airbench: what
    the slow weights keep of themselves, decay^every * (step / steps)^power, grows over the run. At
    the end the slow weights are the network. By hand, because torch has no Lookahead.
    """

    def __init__(self, network: nn.Module, settings: LookaheadSettings):
        self.settings, self.values = settings, copy_of(network)

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
