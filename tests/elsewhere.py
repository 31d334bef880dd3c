"""evaluate and insight of models in a folder, computed by a stand-in for a GPU: a program.

The device `elsewhere` computes on the CPU, by the CPU's own code, and keeps a GPU's rules: tensors
of two devices do not meet, and none of its own is read as an array. Its values can be compared,
which those of torch's fake tensors cannot. It stays registered until its process ends.

    python tests/elsewhere.py FOLDER NAME...
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "elsewhere"
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
MIXES = (*MOVES, torch.ops.aten.index.Tensor)  # torch lets an index stay on the CPU


class Elsewhere(Tensor):
    """A tensor of that device. `here`: the same values, on the CPU."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "Elsewhere":
        """Return a tensor of the size of `here`, without memory of its own."""
        size, layout = here.size(), (here.stride(), here.storage_offset())
        elsewhere = Tensor._make_wrapper_subclass(
            *(cls, size, *layout), dtype=here.dtype, device=torch.device(NAME, 0)
        )
        elsewhere.here = here
        return elsewhere

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        """Compute, and say where the result lies."""
        return computed(func, args, kwargs or {})


class Device(TorchDispatchMode):
    """While it is entered, tensors can be made on that device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        """Compute, and say where the result lies."""
        return computed(func, args, kwargs or {})


def computed(func: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Return what an operation returns, on the device of its tensors or the one that it names."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    elsewhere = any(isinstance(x, Elsewhere) for x in tensors)
    others = any(not isinstance(x, Elsewhere) and x.ndim for x in tensors)
    if elsewhere and others and func not in MIXES:
        raise RuntimeError(f"{func}: tensors of two devices")
    if wanted := kwargs.get("device"):
        elsewhere = torch.device(wanted).type == NAME
        kwargs = kwargs | {"device": torch.device("cpu")}
    args_here, kwargs_here = tree_map_only(Elsewhere, lambda x: x.here, (args, kwargs))
    result = func(*args_here, **kwargs_here)
    if func._schema.is_mutable and isinstance(result, Tensor):
        return kwargs.get("out", args[0])
    return tree_map_only(Tensor, Elsewhere, result) if elsewhere else result


def main(folder: Path, names: list[str]) -> None:
    """Leave reports/NAME anew, each figure computed elsewhere."""
    torch.inference_mode = torch.no_grad  # under it torch takes no views of such tensors
    from sightline.evaluation.evaluate import evaluate
    from sightline.insight.insight import insight
    from sightline.layout import Layout
    from sightline.models import device

    _setup_privateuseone_for_python_backend(NAME)
    device.chosen = lambda wanted: torch.device(NAME, 0)
    layout = Layout(folder)
    with Device():
        for name in names:
            evaluate(name, layout, "flip-translate")
            insight(name, layout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
