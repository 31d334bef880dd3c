"""Schedules and optimizers."""

import pytest
import torch
from torch import nn

from sightline.training.optim import learning_rate, optimizer
from sightline.training.recipe import Optimizer, Schedule


def rates(name: str, warmup: float, steps: int = 100) -> list[float]:
    return [learning_rate(Schedule(name, warmup), 2.0, step, steps) for step in range(steps)]


@pytest.mark.parametrize("name", ["linear", "one-cycle"])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_schedules_rise_to_the_peak_and_fall_to_zero(name, warmup):
    seen = rates(name, warmup)
    top = seen.index(max(seen))
    assert top == pytest.approx(100 * warmup, abs=1)
    assert seen[top] == pytest.approx(2.0, rel=0.02)
    assert seen[-1] < 0.02
    assert seen[: top + 1] == sorted(seen[: top + 1])
    assert seen[top:] == sorted(seen[top:], reverse=True)


def test_constant_is_constant_after_its_warmup():
    assert set(rates("constant", 0.0)) == {2.0}
    assert rates("constant", 0.5)[0] < 0.1 and set(rates("constant", 0.5)[50:]) == {2.0}


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_leaves_biases_and_norms_alone(name):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    groups = optimizer(network, Optimizer(name, 0.1, weight_decay=0.3)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [p.shape for p in groups[0]["params"]] == [torch.Size([4, 3])]
    assert len(groups[1]["params"]) == 3
