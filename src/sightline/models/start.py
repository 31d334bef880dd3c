"""Weights that a training begins with: whether they fit a network, and how it is given them."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

HEAD = "head."
_NAMED = 3  # tensors that an error names


def mistake(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """Return which of the `given` weights do not fit a network whose state dict is `own`.

    The first tensors are named, with their shapes; None where all fit. The head does not count: it
    is new where the classes are others.
    """
    wrong = []
    names = [name for name in dict.fromkeys([*own, *given]) if not name.startswith(HEAD)]
    for name in names:
        if name not in given:
            wrong.append(f"{name} is missing in it")
        elif name not in own:
            wrong.append(f"{name} is unknown to the network")
        elif own[name].shape != given[name].shape:
            wrong.append(f"{name} is {size(given[name])}, the network's is {size(own[name])}")
    if not wrong:
        return None
    more = ", .." if len(wrong) > _NAMED else ""
    return f"{len(wrong)} of {len(names)} tensors do not fit: {', '.join(wrong[:_NAMED])}{more}"


def size(tensor: Tensor) -> str:
    """Return a tensor's shape as people write it: 16 x 3 x 3 x 3."""
    return " x ".join(map(str, tensor.shape)) or "a number"


@torch.no_grad()
def load(network: nn.Module, given: Mapping[str, Tensor], head: bool) -> tuple[int, int]:
    """Give a network weights that fit it, those of its head only if `head`.

    Returns how many tensors it has been given, and how many it has.
    """
    own, loaded = network.state_dict(), 0
    for name, value in own.items():
        if head or not name.startswith(HEAD):
            value.copy_(given[name])
            loaded += 1
    return loaded, len(own)
