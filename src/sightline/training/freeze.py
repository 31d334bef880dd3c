"""Parts of a network that are trained for some epochs and frozen afterwards."""

from torch import nn


def set_training(network: nn.Module, frozen_after: dict[str, int], epoch: int) -> bool:
    """Prepare the network for an epoch of training (0, 1, ..); return whether it froze parameters.

    A part that `frozen_after` freezes gets no gradients, and is in evaluation mode: its BatchNorms
    keep their running statistics, and use them.
    """
    network.train()
    changed = False
    for part, epochs in frozen_after.items():
        module = network.get_submodule(part)
        if epoch >= epochs:
            changed = changed or any(p.requires_grad for p in module.parameters())
            module.requires_grad_(False).eval()
    return changed
