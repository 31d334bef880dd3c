"""Optimizers and learning rate schedules, from a recipe."""

import math

import torch
from torch import nn

from sightline.training.recipe import Optimizer, Schedule


def optimizer(network: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer. Weight decay leaves biases and norms alone (Goyal et al. 2017)."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if settings.name == "adam":
        return torch.optim.AdamW(groups, lr=settings.learning_rate)
    nesterov = settings.momentum > 0
    return torch.optim.SGD(
        groups, lr=settings.learning_rate, momentum=settings.momentum, nesterov=nesterov
    )


def learning_rate(settings: Schedule, peak: float, step: int, steps: int) -> float:
    """Return the learning rate of a step (0 .. steps-1) of a run of `steps`.

    linear: up for `warmup` of the run, straight down to zero behind. one-cycle: the same with half
    cosines (Smith, Topin 2018, arXiv:1708.07120), starting at peak / 25.
    """
    position, warmup = (step + 0.5) / steps, settings.warmup
    if settings.name == "constant":
        return peak * min(1.0, position / warmup) if warmup else peak
    rising = position < warmup
    part = position / warmup if rising else (1 - position) / (1 - warmup)
    if settings.name == "linear":
        return peak * part
    wave = (1 - math.cos(part * math.pi)) / 2
    return peak * (0.04 + 0.96 * wave) if rising else peak * wave
