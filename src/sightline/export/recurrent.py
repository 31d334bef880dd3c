"""The graph of a recurrent model, written node by node from the weights of its own layers."""

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from sightline.models.trained import TrainedModel
from sightline.networks import layers

GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}  # torch's, in the order of ONNX


WEIGHTS = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}


class Graph:
    """The nodes and constants of a graph that grows; a task adds its head (`Task.write`)."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Tensor | np.ndarray | list[int]) -> str:
        """Keep a constant under its name, which is returned."""
        array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
        self.constants[name] = constant(name, array)
        return name

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        """Add a node, named after its first output, which is returned."""
        self.nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], **attributes))
        return outputs[0]

    def rename(self, output: str, name: str) -> None:
        """Give an output of the last layer the name that a file's output has."""
        for node in self.nodes:
            for index, value in enumerate(node.output):
                if value == output:
                    node.output[index] = node.name = name


def constant(name: str, array: np.ndarray) -> onnx.TensorProto:
    """Return a constant. Integers are shapes and axes: as numbers, because onnxruntime's
    quant_pre_process moves what is stored as bytes out of the graph, where no shape can be read.
    """
    if array.dtype == np.int64:
        return helper.make_tensor(name, TensorProto.INT64, array.shape, array.flatten().tolist())
    return numpy_helper.from_array(np.array(array, order="C"), name)


def is_plain(network: nn.Module) -> bool:
    """Return whether a network is no more than `layers.Recurrent` with one-layer cells of torch."""
    methods = ("features", "time_first", "through", "steps")
    return (
        isinstance(network, layers.Recurrent)
        and all(getattr(type(network), m) is getattr(layers.Recurrent, m) for m in methods)
        and len(network.cells()) == len(network.onward) + len(network.backward_in_time)
        and all(
            {name for name, _ in cell.named_parameters()} == WEIGHTS for cell in network.cells()
        )
        and not any(cell.batch_first for cell in network.cells())
    )


def recurrent_graph(model: TrainedModel, with_lengths: bool) -> Graph | None:
    """Return the graph of a model whose network `is_plain`; None where its task writes no head."""
    network, graph = model.network, Graph()
    assert isinstance(network, layers.Recurrent)
    states = _sequence(graph, model)
    graph.add("Shape", ["images"], "batch", start=0, end=1)
    if with_lengths:
        _ends(graph, states)
    count, cells = len(network.onward), network.cells()
    onward = last = first = ""
    for index, cell in enumerate(cells[:count]):
        name = _kind(cell).lower() + (f"_{index + 1}" if count > 1 else "")
        sequence = states
        onward, last = _layer(graph, cell, name, sequence)
        states = onward
        if network.backward_in_time:
            back_cell = cells[count + index]
            back, first = _backward(graph, back_cell, f"{name}.back", sequence, with_lengths)
            states = graph.add("Concat", [onward, back], f"{name}.both", axis=2)
    if with_lengths:
        last = _at_ends(graph, onward)
    if network.backward_in_time:
        last = graph.add("Concat", [last, first], "both_ends", axis=1)
    graph.rename(last, "features")
    return graph if model.task.write(graph, network, states, "features") else None


def _sequence(graph: Graph, model: TrainedModel) -> str:
    """Add what makes normalised steps of pixels, T x N x values."""
    network = model.network
    _, width, channels = model.description["shape"]
    row = torch.ones(1, width, channels)  # spread as in layers.normalise, for the same reason
    graph.add("Cast", ["images"], "pixels", to=TensorProto.FLOAT)
    graph.add("Div", ["pixels", graph.constant("full", row * 255)], "scaled")
    graph.add("Sub", ["scaled", graph.constant("mean", row * model.mean)], "centred")
    graph.add("Div", ["centred", graph.constant("std", row * model.std)], "normalised")
    values = width * channels if network.sequence == "rows" else channels
    # With a 0 in place of -1, an empty batch ends the process in onnxruntime's LSTM.
    shape = graph.constant("steps_shape", [0, -1, values])
    steps = graph.add("Reshape", ["normalised", shape], "steps")
    if network.sequence == "permuted-pixels":
        order = graph.constant("order", network.order)
        steps = graph.add("Gather", [steps, order], "permuted", axis=1)
    return graph.add("Transpose", [steps], "sequence", perm=[1, 0, 2])


def _ends(graph: Graph, sequence: str) -> None:
    """Add `ends`, the steps of each image that count, from `lengths` of any value."""
    graph.add("Shape", [sequence], "step_count", start=0, end=1)
    graph.add("Less", ["lengths", graph.constant("zero", [0])], "means_all")
    graph.add("Where", ["means_all", "step_count", "lengths"], "asked")
    graph.add("Max", ["asked", graph.constant("one", [1])], "at_least_one")
    graph.add("Min", ["at_least_one", "step_count"], "ends")


def _at_ends(graph: Graph, states: str) -> str:
    """Add the state of each image at its end. Not by the layer's own sequence_lens, which OpenVINO,
    OpenCV, MNN and onnx's reference evaluator ignore; GatherElements fails there at 64 steps.
    """
    graph.add("Sub", ["ends", "one"], "last_step")
    spread = graph.constant("column", [-1, 1])
    graph.add("Reshape", ["last_step", spread], "last_steps")
    graph.add("Transpose", [states], "states_by_image", perm=[1, 0, 2])
    return graph.add("GatherND", ["states_by_image", "last_steps"], "at_ends", batch_dims=1)


def _backward(
    graph: Graph, cell: nn.RNNBase, prefix: str, sequence: str, with_lengths: bool
) -> tuple[str, str]:
    """Add a layer that reads each sequence from its own last step to its first."""
    if not with_lengths:
        return _layer(graph, cell, prefix, sequence, direction="reverse")
    axes = {"batch_axis": 1, "time_axis": 0}
    mirrored = graph.add("ReverseSequence", [sequence, "ends"], f"{prefix}.mirrored", **axes)
    states, _ = _layer(graph, cell, prefix, mirrored)
    back = graph.add("ReverseSequence", [states, "ends"], f"{prefix}.upright", **axes)
    first = graph.constant("first", np.array(0))
    return back, graph.add("Gather", [back, first], f"{prefix}.first", axis=0)


def _layer(
    graph: Graph, cell: nn.RNNBase, prefix: str, sequence: str, **attributes: Any
) -> tuple[str, str]:
    """Add a recurrent node; return its states, T x N x hidden_size, and the last of them, N x
    hidden_size.
    """
    kind = _kind(cell)
    weights = {name: _gates(kind, value) for name, value in cell.named_parameters()}
    biases = torch.cat([weights["bias_ih_l0"], weights["bias_hh_l0"]])
    one, direction = graph.constant("one", [1]), graph.constant("direction", [0])
    size = graph.constant(f"{prefix}.size", [cell.hidden_size])
    # Some runtimes open no recurrent node without its first state.
    graph.add("Concat", [one, "batch", size], f"{prefix}.state_shape", axis=0)
    # The value is ONNX's default. Without it OpenCV 5 and tract refuse the node.
    zero = constant("", np.zeros(1, np.float32))
    zeros = graph.add("ConstantOfShape", [f"{prefix}.state_shape"], f"{prefix}.zeros", value=zero)
    inputs = [
        sequence,
        graph.constant(f"{prefix}.weight", weights["weight_ih_l0"][None]),
        graph.constant(f"{prefix}.recurrent", weights["weight_hh_l0"][None]),
        graph.constant(f"{prefix}.bias", biases[None]),
        "",  # sequence_lens: see _at_ends
        zeros,
    ]
    outputs = [f"{prefix}.all_states", f"{prefix}.last_state"]
    if kind == "LSTM":
        inputs.append(zeros)
        outputs.append(f"{prefix}.last_cell")
    if kind == "GRU":
        attributes["linear_before_reset"] = 1
    if cell.mode == "RNN_RELU":
        attributes["activations"] = ["Relu"]
    graph.add(kind, inputs, *outputs, hidden_size=cell.hidden_size, **attributes)
    states = graph.add("Squeeze", [outputs[0], one], f"{prefix}.states")
    return states, graph.add("Squeeze", [outputs[1], direction], f"{prefix}.last")


def _kind(cell: nn.RNNBase) -> str:
    return cell.mode.partition("_")[0]  # RNN_TANH and RNN_RELU are both RNN


def _gates(kind: str, weight: Tensor) -> Tensor:
    parts = weight.detach().reshape(len(GATES[kind]), -1, *weight.shape[1:])
    return parts[GATES[kind]].reshape(weight.shape)


def needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """Return the nodes that the outputs come from."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]
