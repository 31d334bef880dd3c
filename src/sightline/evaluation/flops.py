"""The arithmetic that a model costs."""

from typing import Any

import torch
from torch import nn

from sightline.models.trained import TrainedModel

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase)


def flops(model: TrainedModel) -> int:
    """Return the floating-point operations for one image: two per multiply-accumulate, of
    convolutions, linear layers and recurrent layers; activations and norms are not counted.

    Layer by layer: torch's own FlopCounterMode imports its compiler, two seconds. It counts the
    networks that multiply outside of layers, too. Raises TypeError for another kind of layer that
    has weight matrices.
    """
    if any(getattr(part, "multiplies_outside_layers", False) for part in model.modules()):
        return _flops_of_operations(model)
    counted = 0

    def leave(module: nn.Module, inputs: tuple, output: Any) -> None:
        nonlocal counted
        if isinstance(module, nn.RNNBase):
            matrices = sum(p.numel() for p in module.parameters() if p.ndim == 2)
            counted += 2 * inputs[0].shape[1 if module.batch_first else 0] * matrices
        elif isinstance(module.weight, torch.Tensor):
            counted += 2 * output.numel() * module.weight[0].numel()

    hooks = []
    for module in model.modules():
        if isinstance(module, _LAYERS):
            hooks.append(module.register_forward_hook(leave))
        elif any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            raise TypeError(f"no rule for the operations of a {type(module).__name__}")
    _answer_one(model)
    for hook in hooks:
        hook.remove()
    return counted


def _flops_of_operations(model: TrainedModel) -> int:
    """Return the same sum by torch's own count of its operations: of products of matrices, and of
    convolutions.
    """
    from torch.utils.flop_counter import FlopCounterMode

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operation, which torch does not count
    try:
        with FlopCounterMode(display=False) as counter:
            _answer_one(model)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return counter.get_total_flops()


@torch.no_grad()
def _answer_one(model: TrainedModel) -> None:
    height, width, channels = model.description["shape"]
    shape = (1, height, width, channels)
    model(torch.zeros(shape, dtype=torch.uint8, device=next(model.parameters()).device))
