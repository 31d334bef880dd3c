"""Averages of weights, against values worked out by hand."""

import pytest
import torch
from torch import nn
from trainings import rows, run

from sightline.settings.recipe import Lookahead, Optimizer, Recipe
from sightline.training.average import average

RECIPE = {"epochs": 1, "batch_size": 1, "optimizer": Optimizer("sgd", 0.1)}


def network(value: float) -> nn.Module:
    made = nn.BatchNorm1d(1)
    nn.init.constant_(made.weight, value)
    return made


def test_without_a_setting_nothing_is_averaged():
    assert average(network(0), Recipe(**RECIPE)) is None


def test_the_moving_average_decays_slowly_once_it_has_warmed_up():
    weights = network(0.0)
    ema = average(weights, Recipe(**RECIPE, ema=0.9))
    nn.init.constant_(weights.weight, 1.0)
    weights.num_batches_tracked += 7
    ema.update(weights, 1, 1000)
    assert ema.values["weight"].item() == pytest.approx(1 - 2 / 11)
    for step in (100, 101):  # (1 + 100) / (10 + 100) is more than 0.9
        ema.update(weights, step, 1000)
    assert ema.values["weight"].item() == pytest.approx(1 - 2 / 11 * 0.9**2)
    assert ema.values["num_batches_tracked"] == 7 and weights.weight.item() == 1


def test_the_moving_average_forgets_the_random_start(layout):
    plain, averaged = ({"epochs": 22, "batch_size": 32, "ema": decay} for decay in (0.0, 0.999))
    losses = []
    for changes in (plain, averaged):  # 154 steps: 0.999^154 of the start would be 86 %
        run(layout, "lstm", **changes)
        losses.append(float(rows(layout)[-1]["val_loss"]))
        assert float(rows(layout)[-1]["val_top1"]) > 0.9
    assert losses[1] < losses[0] + 0.1


def test_slow_weights_move_when_they_are_due_and_fast_ones_go_on_from_there():
    weights = network(0.0)
    slow = average(weights, Recipe(**RECIPE, lookahead=Lookahead(every=2, decay=0.9, power=1)))
    values = []
    for step in range(1, 6):
        with torch.no_grad():
            weights.weight += 1
        slow.update(weights, step, steps=5)
        values.append(weights.weight.item())
    second = 2 * (1 - 0.9**2 * 2 / 5)
    fourth = second + 2 * (1 - 0.9**2 * 4 / 5)
    # the last step belongs to the slow weights, whatever the fast ones have done since
    assert values == pytest.approx([1, second, second + 1, fourth, fourth])
    assert slow.values["weight"].item() == values[-1]
