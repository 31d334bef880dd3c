"""Optimizers and learning rate schedules, from a recipe."""

import math

import torch
from torch import Tensor, nn

from sightline.settings.recipe import Optimizer, Rates, Schedule
from sightline.training.device import fast_dtype


def optimizers(network: nn.Module, settings: Optimizer) -> list[torch.optim.Optimizer]:
    """Return the optimizer, and SGD behind it where parts of the network have their own rates.

    Each of their groups holds its highest learning rate as `peak`. Weight decay leaves biases and
    norms alone (Goyal et al. 2017), unless they have rates, and a decay, of their own. The first
    group steps at the optimizer's own learning rate.
    """
    matrices, vectors, head = {}, {}, []  # of the rest (""), and of each part
    for part in ("", *settings.parts):
        matrices[part], vectors[part] = [], []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if settings.head and name.startswith("head."):
            head.append(parameter)
            continue
        inside = [part for part in settings.parts if name.startswith(f"{part}.")]
        # of parts within parts the innermost counts; biases with rates of their own keep them
        part = max(inside, key=len, default="")
        if parameter.ndim > 1:
            matrices[part].append(parameter)
        else:
            vectors["" if settings.biases else part].append(parameter)
    main, nesterov = [], settings.nesterov
    for part in matrices:
        rates = settings.parts.get(part, settings)
        peak = {"lr": rates.learning_rate, "peak": rates.learning_rate}
        main.append(group(matrices[part], settings, nesterov) | peak)
        if not settings.biases:
            main.append(group(vectors[part], settings, nesterov) | peak | {"weight_decay": 0.0})
    own = [group(head, settings.head, nesterov)] if settings.head else []
    if settings.biases:
        own.append(group(vectors[""], settings.biases, nesterov))
    rule = {"sgd": torch.optim.SGD, "adam": torch.optim.AdamW, "muon": Muon}[settings.name]
    return [rule(main), *([torch.optim.SGD(own)] if own else [])]


def group(parameters: list[nn.Parameter], rates: Optimizer | Rates, nesterov: bool) -> dict:
    """Return a parameter group in torch's words; `nesterov` counts where there is momentum."""
    return {
        "params": parameters,
        "lr": rates.learning_rate,
        "peak": rates.learning_rate,
        "momentum": rates.momentum,
        "nesterov": nesterov and rates.momentum > 0,
        "weight_decay": rates.weight_decay,
    }


class Muon(torch.optim.Optimizer):
    """Steps whose singular values are all about one: no direction of a filter bank is neglected.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon, as KellerJordan/cifar10-airbench
    uses it: Nesterov's momentum is made orthogonal and added; before that, the filters are scaled
    to a norm of sqrt(outputs), which takes the place of a weight decay. torch.optim.Muon (from 2.9
    on) takes no filters of convolutions, and computes in bfloat16, which a CPU is slow at.
    """

    def __init__(self, groups: list[dict]):
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self) -> None:
        """Move the filters, outputs x ...."""
        for group in self.param_groups:
            for filters in group["params"]:
                if filters.grad is None:
                    continue
                state = self.state[filters]
                if not state:
                    state["momentum"] = torch.zeros_like(filters.grad)
                momentum = state["momentum"].mul_(group["momentum"]).add_(filters.grad)
                ahead = filters.grad.add(momentum, alpha=group["momentum"])
                filters.mul_(len(filters) ** 0.5 / filters.norm())
                dtype, _ = fast_dtype(filters.device)
                update = orthogonal(ahead.flatten(1), dtype).view_as(filters)
                filters.add_(update, alpha=-group["lr"])


def orthogonal(matrix: Tensor, dtype: torch.dtype = torch.float32, rounds: int = 3) -> Tensor:
    """Return the nearest matrix whose singular values all are one, roughly: they end between 0.5
    and 1.5, which costs a third of the time and no accuracy.

    Newton-Schulz iteration of the fifth order in `dtype`, with the coefficients of Jordan et al.
    2024.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.to(dtype)
    x = x / (x.norm() + 1e-7)  # no singular value above one
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(rounds):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


def learning_rate(settings: Schedule, peak: float, step: int, steps: int) -> float:
    """Return the learning rate of a step (0 .. steps-1) of a run of `steps`.

    linear: up for `warmup` of the run, straight down to zero behind. one-cycle: the same with half
    cosines (Smith, Topin 2018, arXiv:1708.07120), starting at peak / 25. multi-step: up, then times
    `gamma` at each milestone. constant: up, then no change.
    """
    position, warmup = (step + 0.5) / steps, settings.warmup
    if settings.name in ("constant", "multi-step"):
        risen = min(1.0, position / warmup) if warmup else 1.0
        passed = sum(position >= milestone for milestone in settings.milestones)
        return peak * risen * (settings.gamma or 1.0) ** passed
    rising = position < warmup
    part = position / warmup if rising else (1 - position) / (1 - warmup)
    if settings.name == "linear":
        return peak * part
    wave = (1 - math.cos(part * math.pi)) / 2
    return peak * (0.04 + 0.96 * wave) if rising else peak * wave
