"""One writer for each kind of torch's layers: from a layer to ONNX nodes with the same answers."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from sightline.export.recurrent import Graph

# graph, name of the output, layer, name of the input, the input's size (height and width 0 where
# they may be any); None: no node for it
Writer = Callable[[Graph, str, Any, str, torch.Size], str | None]


def pair(value: Any) -> list[int]:
    """Return height and width of a layer's argument."""
    return [value, value] if isinstance(value, int) else list(value)


def fold(convolution: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    """Return a convolution that also does what the norm behind it does with its running figures.

    In the order in which torch's older exporter folds: the bits are those of its files.
    """
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None and norm.running_var is not None
    folded = copy.deepcopy(convolution)
    with torch.no_grad():
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        folded.weight = nn.Parameter(folded.weight * scale.view(-1, 1, 1, 1))
        mean = norm.running_mean
        shift = -mean if folded.bias is None else folded.bias - mean
        folded.bias = nn.Parameter(shift * scale + norm.bias)
    return folded


def pooled(graph: Graph, name: str, source: str) -> str:
    """Write the mean over height and width, N x C. Not ReduceMean: OpenCV 4 computes it wrongly
    from the second image of a batch on, and says nothing.
    """
    graph.add("GlobalAveragePool", [source], f"{name}.pooled")
    return graph.add("Flatten", [f"{name}.pooled"], name, axis=1)


def flattened(graph: Graph, name: str, source: str) -> str:
    """Write N x values of N x C x H x W."""
    return graph.add("Flatten", [source], name, axis=1)


def _convolution(
    graph: Graph, name: str, layer: nn.Conv2d, source: str, size: torch.Size
) -> str | None:
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        return None
    return graph.add(
        "Conv",
        [source, *_weights(graph, name, layer)],
        name,
        dilations=pair(layer.dilation),
        group=layer.groups,
        kernel_shape=pair(layer.kernel_size),
        pads=pair(layer.padding) * 2,
        strides=pair(layer.stride),
    )


def _norm(
    graph: Graph, name: str, layer: nn.BatchNorm2d, source: str, size: torch.Size
) -> str | None:
    figures = [layer.weight, layer.bias, layer.running_mean, layer.running_var]
    if any(values is None for values in figures):
        return None
    names = ("weight", "bias", "running_mean", "running_var")
    constants = [
        graph.constant(f"{name}.{part}", values)
        for part, values in zip(names, figures, strict=True)
        if values is not None
    ]
    return graph.add("BatchNormalization", [source, *constants], name, epsilon=layer.eps)


def _linear(graph: Graph, name: str, layer: nn.Linear, source: str, size: torch.Size) -> str | None:
    if len(size) != 2:
        return None
    return graph.add("Gemm", [source, *_weights(graph, name, layer)], name, transB=1)


def _relu(graph: Graph, name: str, layer: nn.ReLU, source: str, size: torch.Size) -> str:
    return graph.add("Relu", [source], name)


def _gelu(graph: Graph, name: str, layer: nn.GELU, source: str, size: torch.Size) -> str | None:
    if layer.approximate != "none":
        return None
    root, one, half = (
        graph.constant(f"gelu.{part}", torch.tensor(value))
        for part, value in (("root", math.sqrt(2)), ("one", 1.0), ("half", 0.5))
    )
    graph.add("Div", [source, root], f"{name}.scaled")
    graph.add("Erf", [f"{name}.scaled"], f"{name}.erf")
    graph.add("Add", [f"{name}.erf", one], f"{name}.share")
    graph.add("Mul", [source, f"{name}.share"], f"{name}.twice")
    return graph.add("Mul", [f"{name}.twice", half], name)


def _silu(graph: Graph, name: str, layer: nn.SiLU, source: str, size: torch.Size) -> str:
    graph.add("Sigmoid", [source], f"{name}.share")
    return graph.add("Mul", [source, f"{name}.share"], name)


def _maximum(graph: Graph, name: str, layer: nn.MaxPool2d, source: str, size: torch.Size) -> str:
    return graph.add(
        "MaxPool",
        [source],
        name,
        ceil_mode=int(layer.ceil_mode),
        dilations=pair(layer.dilation),
        kernel_shape=pair(layer.kernel_size),
        pads=pair(layer.padding) * 2,
        strides=pair(layer.stride),
    )


def _maximum_of_all(
    graph: Graph, name: str, layer: nn.AdaptiveMaxPool2d, source: str, size: torch.Size
) -> str | None:
    if pair(layer.output_size) != [1, 1]:
        return None
    area = list(size[2:])
    if 0 in area:
        return graph.add("GlobalMaxPool", [source], name)
    # not GlobalMaxPool, which onnxruntime's quantiser leaves alone
    return graph.add("MaxPool", [source], name, kernel_shape=area, pads=[0] * 4, strides=area)


def _means(
    graph: Graph, name: str, layer: nn.AdaptiveAvgPool2d, source: str, size: torch.Size
) -> str | None:
    rows, columns = pair(layer.output_size)
    if (rows, columns) == (1, 1):
        return graph.add("GlobalAveragePool", [source], name)
    if 0 in size[2:]:
        return None
    # ONNX has no such pooling; each way it is a product with a matrix
    down = graph.constant(f"{name}.down", _shares(size[2], rows))
    across = graph.constant(f"{name}.across", _shares(size[3], columns).T)
    graph.add("MatMul", [down, source], f"{name}.rows")
    return graph.add("MatMul", [f"{name}.rows", across], name)


def _shares(length: int, parts: int) -> torch.Tensor:
    """Return the weights, parts x length, by which torch takes means of parts of a line: those from
    floor(i * length / parts) to ceil((i + 1) * length / parts).
    """
    weights = torch.zeros(parts, length)
    for index, row in enumerate(weights):
        first, end = index * length // parts, -(-(index + 1) * length // parts)
        row[first:end] = 1 / (end - first)
    return weights


def _flatten(
    graph: Graph, name: str, layer: nn.Flatten, source: str, size: torch.Size
) -> str | None:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        return None
    return flattened(graph, name, source)


def _nothing(graph: Graph, name: str, layer: nn.Module, source: str, size: torch.Size) -> str:
    return source


def _weights(graph: Graph, name: str, layer: nn.Conv2d | nn.Linear) -> list[str]:
    return [graph.constant(f"{name}.{part}", value) for part, value in layer.named_parameters()]


LAYERS: dict[type[nn.Module], Writer] = {
    nn.AdaptiveAvgPool2d: _means,
    nn.AdaptiveMaxPool2d: _maximum_of_all,
    nn.BatchNorm2d: _norm,
    nn.Conv2d: _convolution,
    nn.Dropout: _nothing,
    nn.Flatten: _flatten,
    nn.GELU: _gelu,
    nn.Identity: _nothing,
    nn.Linear: _linear,
    nn.MaxPool2d: _maximum,
    nn.ReLU: _relu,
    nn.SiLU: _silu,
}
