"""The arithmetic that a model costs."""

import torch

from sightline.models.trained import TrainedModel


def flops(model: TrainedModel) -> int:
    """Return the floating-point operations for one image: two per multiply-accumulate, of
    convolutions, linear layers and recurrent layers; activations and norms are not counted.
    """
    from torch.utils.flop_counter import FlopCounterMode  # slow, and nothing else needs it

    height, width, channels = model.description["shape"]
    image = torch.zeros(1, height, width, channels, dtype=torch.uint8)
    counter = FlopCounterMode(display=False)
    seen, recurrent = 0, 0

    def enter(module: torch.nn.RNNBase, inputs: tuple) -> None:
        nonlocal seen
        seen = counter.get_total_flops()

    def leave(module: torch.nn.RNNBase, inputs: tuple, output: tuple) -> None:
        # the counter sees into some of torch's recurrent layers and not into the fused ones: what
        # it saw is replaced by every weight matrix, once a step
        nonlocal recurrent
        matrices = sum(p.numel() for p in module.parameters() if p.ndim == 2)
        steps = inputs[0].shape[1 if module.batch_first else 0]
        recurrent += 2 * steps * matrices - (counter.get_total_flops() - seen)

    hooks = []
    for module in model.modules():
        if isinstance(module, torch.nn.RNNBase):
            hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    with torch.inference_mode(), counter:
        model(image)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops() + recurrent
