"""Schedules and optimizers."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import nn

from sightline.networks import cnn
from sightline.settings.recipe import Optimizer, PartRate, Rates, Schedule
from sightline.training.optim import Muon, group, learning_rate, optimizers, orthogonal


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


def test_multi_step_falls_at_its_milestones():
    schedule = Schedule("multi-step", warmup=0.1, milestones=[0.3, 0.6], gamma=0.1)
    seen = [learning_rate(schedule, 2.0, step, 100) for step in range(100)]
    assert seen[0] == pytest.approx(0.1) and seen[:10] == sorted(seen[:10])
    assert set(seen[10:30]) == {2.0}
    assert seen[30:60] == pytest.approx([0.2] * 30) and seen[60:] == pytest.approx([0.02] * 40)


def test_multi_step_is_the_one_of_torch():
    """Milestones of a third and two thirds of 90 epochs are torchvision's StepLR(30, 0.1)."""
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    theirs, seen = torch.optim.lr_scheduler.StepLR(optimizer, 30, 0.1), []
    for _ in range(90):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    ours = Schedule("multi-step", milestones=[0.3333, 0.6667], gamma=0.1)
    assert seen == pytest.approx([learning_rate(ours, 0.1, step, 90) for step in range(90)])


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_leaves_biases_and_norms_alone(name):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    (only,) = optimizers(network, Optimizer(name, 0.1, weight_decay=0.3))
    groups = only.param_groups
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]
    assert [p.shape for p in groups[0]["params"]] == [torch.Size([4, 3])]
    assert len(groups[1]["params"]) == 3


@pytest.mark.parametrize("name", ["sgd", "adam", "muon"])
def test_biases_and_head_step_at_their_own_rates(name):
    network = cnn.Network(cnn.Settings([4, 8], whiten=2, norm_scale=False), (12, 12, 1), 3)
    settings = Optimizer(name, 0.1, biases=Rates(2.0, 0.85), head=Rates(0.5, weight_decay=0.01))
    main, own = optimizers(network, settings)
    (filters,), (head, biases) = main.param_groups, own.param_groups
    assert [p.ndim for p in filters["params"]] == [4] * 4
    assert [p.shape for p in head["params"]] == [torch.Size([3, 8]), torch.Size([3])]
    assert [len(p) for p in biases["params"]] == [8, 4, 4, 8, 8]  # the whitening's, the norms'
    assert [group["peak"] for group in (filters, head, biases)] == [0.1, 0.5, 2.0]
    assert [group["momentum"] for group in (head, biases)] == [0.0, 0.85]
    assert [group["weight_decay"] for group in (head, biases)] == [0.01, 0.0]
    assert type(main) is {"sgd": torch.optim.SGD, "adam": torch.optim.AdamW, "muon": Muon}[name]


def test_the_innermost_part_decides_a_rate():
    network = cnn.Network(cnn.Settings([4, 8]), (12, 12, 1), 3)
    parts = {"blocks": PartRate(0.01), "blocks.1": PartRate(0.02)}
    (only,) = optimizers(network, Optimizer("sgd", 0.1, weight_decay=0.3, parts=parts))
    groups = [(g["peak"], g["weight_decay"], len(g["params"])) for g in only.param_groups]
    # two convolutions and two norms in each block; the head's weight and bias
    assert groups == [
        (0.1, 0.3, 1),
        (0.1, 0.0, 1),
        (0.01, 0.3, 2),
        (0.01, 0.0, 4),
        (0.02, 0.3, 2),
        (0.02, 0.0, 4),
    ]


@pytest.mark.parametrize("shape", [(8, 40), (40, 8)])
def test_orthogonal_brings_singular_values_near_one(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * 1e-3
    before, after = torch.linalg.svdvals(matrix), torch.linalg.svdvals(orthogonal(matrix))
    assert before.max() < 0.02 and after.min() > 0.5 and after.max() < 1.5
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert (
        nn.functional.cosine_similarity(
            orthogonal(matrix).flatten(), (left @ right).flatten(), dim=0
        )
        > 0.97
    )


def test_muon_steps_by_its_rate_from_filters_of_a_fixed_norm():
    torch.manual_seed(0)
    filters = nn.Parameter(torch.randn(6, 4, 3, 3) * 5)
    muon = Muon([group([filters], Optimizer("sgd", 0.25, momentum=0.5), nesterov=True)])
    direction = filters.detach() * 6**0.5 / filters.detach().norm()
    filters.grad = torch.randn_like(filters)
    expected = direction - 0.25 * orthogonal(filters.grad.flatten(1)).view_as(filters)
    muon.step()
    # the first momentum is the gradient, and Nesterov looks 1 + 0.5 of it ahead: the same direction
    assert torch.allclose(filters, expected, atol=1e-5)
    first = filters.grad.clone()
    filters.grad = torch.randn_like(filters)
    muon.step()
    kept = 0.5 * first + filters.grad
    assert torch.allclose(muon.state[filters]["momentum"], kept)


def test_what_is_frozen_keeps_its_place():
    frozen = nn.Parameter(torch.randn(6, 4, 3, 3))
    before = frozen.detach().clone()
    Muon([group([frozen], Optimizer("sgd", 0.25, momentum=0.5), nesterov=True)]).step()
    assert torch.equal(frozen, before)


def test_plain_momentum_is_that_of_all_parts():
    own = Rates(0.1, momentum=0.9)
    settings = Optimizer("sgd", 0.1, momentum=0.9, nesterov=False, biases=own, head=own)
    network = nn.Sequential(OrderedDict(body=nn.Linear(3, 3), head=nn.Linear(3, 2)))
    groups = [g for each in optimizers(network, settings) for g in each.param_groups]
    assert len(groups) == 3 and not any(g["nesterov"] for g in groups)
    usual = optimizers(network, replace(settings, nesterov=True))
    assert all(g["nesterov"] for each in usual for g in each.param_groups)
