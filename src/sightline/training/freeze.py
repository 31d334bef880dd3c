"""Parts of a network that are trained for some epochs and frozen afterwards."""

from torch import nn

from sightline.errors import SightlineError


def set_training(name: str, network: nn.Module, frozen_after: dict[str, int], epoch: int) -> bool:
    """Prepare the network for an epoch of training (0, 1, ..); return whether it froze parameters.

    A part that `frozen_after` freezes gets no gradients, and is in evaluation mode: its BatchNorms
    keep their running statistics, and use them. Raises SightlineError where the network has no
    such part; `name` is the model's.
    """
    network.train()
    changed = False
    for part, epochs in frozen_after.items():
        try:
            module = network.get_submodule(part)
        except AttributeError:
            parts = ", ".join(key for key, _ in network.named_children())
            raise SightlineError(
                f"{name}: frozen_after in its recipe names {part}, which the network does not "
                f"have: its parts are {parts}"
            ) from None
        if epoch >= epochs:
            changed = changed or any(p.requires_grad for p in module.parameters())
            module.requires_grad_(False).eval()
    return changed
