"""Parts of a network that are trained for some epochs and frozen afterwards, and its norms."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sightline.settings.recipe import Recipe


def set_training(network: nn.Module, recipe: Recipe, epoch: int) -> bool:
    """Prepare the network for an epoch of training (0, 1, ..); return whether it froze parameters.

    A part that `frozen_after` freezes gets no gradients, and is in evaluation mode: its BatchNorms
    keep their running statistics, and use them. With `frozen_norms` all BatchNorms do, and what
    they multiply and add is still learned.
    """
    network.train()
    if recipe.frozen_norms:
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
    changed = False
    for part, epochs in recipe.frozen_after.items():
        module = network.get_submodule(part)
        if epoch >= epochs:
            changed = changed or any(p.requires_grad for p in module.parameters())
            module.requires_grad_(False).eval()
    return changed
