"""Networks on torch's meta device, which has shapes and no values: of any size, in no time."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from sightline.networks.layers import Network


class WithoutValues(TorchFunctionMode):
    """Leaves out what sets initial values, for which torch would load its compiler: 5 seconds."""

    def __torch_function__(
        self, func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Return the tensor that `func` would fill, or what `func` returns."""
        kwargs = kwargs or {}
        if func in (Tensor.normal_, Tensor.log_):
            return args[0]
        if getattr(func, "__module__", "") == "torch.nn.init":  # these call others unseen
            return args[0] if args else kwargs["tensor"]
        if func is torch.eye and "out" in kwargs:
            return kwargs["out"]
        return func(*args, **kwargs)


def sketch(module: ModuleType, settings: Any, shape: tuple[int, int, int], outputs: int) -> Network:
    """Return a network of `module`, one of sightline.networks, without memory for its weights.

    One that has to see values while it is built has its weights. Raises what the network raises
    about its settings.
    """
    try:
        with torch.device("meta"), WithoutValues():
            return module.Network(settings, shape, outputs)
    except (NotImplementedError, RuntimeError) as error:
        if not about_meta(error):
            raise
    return module.Network(settings, shape, outputs)


@torch.no_grad()
def refused(network: Network, count: int, size: int | None = None) -> Exception | None:
    """Return the error of a sketched network, in its mode, about a batch of `count` images.

    `size`: their height and width, in pixels; None: those of the network's shape.
    """
    height, width, channels = network.shape
    height, width = (size, size) if size else (height, width)
    try:
        network.features(torch.empty(count, channels, height, width, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:
        return None if about_meta(error) else error
    return None


def about_meta(error: Exception) -> bool:
    """Return whether an error comes of having no values, and says nothing about the network."""
    return "meta" in str(error)
