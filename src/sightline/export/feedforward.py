"""The graph of a feed-forward model, written layer by layer from the list that torch.fx makes."""

import operator
from typing import Any

import torch
from onnx import TensorProto
from torch import Tensor, fx, nn
from torch.nn import functional

from sightline.export.layer_nodes import LAYERS, flattened, fold, pooled
from sightline.export.recurrent import Graph
from sightline.models.trained import TrainedModel
from sightline.networks.layers import Network

ADDITIONS = {operator.add, operator.iadd, torch.add}
RELUS = {functional.relu, torch.relu, "relu"}
FLATTENING = {torch.flatten, "flatten"}
AXES = ((2, 3), (-2, -1), (-1, -2))  # height and width
COLOURS = [-1, 3, -1, -1]  # grey images are read as colours by torchvision's models
MEANS_OF_IMAGE = [(axes, []) for axes in AXES] + [(None, [axes]) for axes in AXES]


class Unwritable(Exception):
    """A layer or function that no node is known for: torch's exporter traces the model instead."""


def feedforward_graph(model: TrainedModel) -> Graph | None:
    """Return the graph of a model whose layers all have a node here.

    None where one has none, where the network takes lengths, or its task writes no head.
    """
    if model.network.takes_lengths:
        return None
    listed = _listed(model.network)
    if listed is None:
        return None
    graph = Graph()
    _normalised(graph, model)
    try:
        states = _Writer(graph, model.network, model.any_size, *listed).write("normalised")
    except Unwritable:
        return None
    graph.rename(states, "features")
    return graph if model.task.write(graph, model.network, "", "features") else None


def _normalised(graph: Graph, model: TrainedModel) -> None:
    """Add what `layers.normalise` computes, N x C x H x W, in its order."""
    width = 1 if model.any_size else model.description["shape"][1]
    row = torch.ones(len(model.mean), 1, width)
    mean, std = (values.view(-1, 1, 1) * row for values in (model.mean, model.std))
    graph.add("Transpose", ["images"], "channels_first", perm=[0, 3, 1, 2])
    graph.add("Cast", ["channels_first"], "pixels", to=TensorProto.FLOAT)
    graph.add("Div", ["pixels", graph.constant("full", row * 255)], "scaled")
    graph.add("Sub", ["scaled", graph.constant("mean", mean)], "centred")
    graph.add("Div", ["centred", graph.constant("std", std)], "normalised")


class _Tracer(fx.Tracer):
    traced_func_name = "features"


class _Sizes(fx.Interpreter):
    """Runs a list of layers once, to learn the size of every value."""

    def __init__(self, network: nn.Module, listing: fx.Graph):
        super().__init__(fx.GraphModule(network, listing))
        self.sizes: dict[str, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Run one node and keep the size of what it returns."""
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.sizes[n.name] = value.shape
        return value


def _listed(network: Network) -> tuple[fx.Graph, dict[str, torch.Size]] | None:
    """Return fx's list of a network's layers and the size of every value in it.

    None where fx cannot list it: it shows `features` a stand-in without values, and what asks for a
    value (a loop, a branch, a shape as a number) fails in ways of its own. A mistake of the network
    itself fails again, and louder, where torch's exporter runs it.
    """
    height, width, channels = network.shape
    try:
        listing = _Tracer().trace(network)
        sizes = _Sizes(network, listing)
        with torch.inference_mode():
            sizes.run(torch.zeros(2, channels, height, width), None)
    except (TypeError, ValueError, AttributeError, RuntimeError):  # fx.TraceError is a ValueError
        return None
    return listing, sizes.sizes


class _Writer:
    """Turns fx's list of a network's layers into nodes. A value is named after its layer."""

    def __init__(
        self,
        graph: Graph,
        network: Network,
        any_size: bool,
        listing: fx.Graph,
        sizes: dict[str, torch.Size],
    ):
        self.graph, self.network, self.any_size = graph, network, any_size
        self.listing, self.sizes = listing, sizes
        self.names: dict[fx.Node, str] = {}

    def write(self, images: str) -> str:
        """Add all nodes; return the name of what `features` returns. `images`: its argument."""
        result: Any = None
        for node in self.listing.nodes:
            if node.op == "placeholder":
                self.names.setdefault(node, images if not self.names else "")  # then `lengths`
            elif node.op == "output":
                result = node.args[0]
            elif node not in self.names:
                self.names[node] = self._node(node)
        return self.names[result]

    def _node(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return self._layer(node)
        name = self._free(".".join([*self._scope(node), node.name.rstrip("_0123456789")]))
        inputs = [self._input(value) for value in node.args if isinstance(value, fx.Node)]
        rest = [value for value in node.args if not isinstance(value, fx.Node)]
        if node.target in ADDITIONS and len(inputs) == 2 and not node.kwargs:
            return self.graph.add("Add", inputs, name)
        if node.target in RELUS:
            return self.graph.add("Relu", inputs, name)
        if node.target in FLATTENING and rest == [1] and not node.kwargs:
            return flattened(self.graph, name, inputs[0])
        if node.target == "mean" and (node.kwargs.get("dim"), rest) in MEANS_OF_IMAGE:
            return pooled(self.graph, name, inputs[0])
        if node.target == "expand" and rest == COLOURS:
            grey = self.sizes[node.all_input_nodes[0].name][1] == 1
            return self.graph.add("Concat", inputs * 3, name, axis=1) if grey else inputs[0]
        raise Unwritable(node.target)

    def _layer(self, node: fx.Node) -> str:
        path, layer = str(node.target), self.network.get_submodule(str(node.target))
        inputs = node.all_input_nodes
        known = type(layer) in LAYERS and len(node.args) == len(inputs) == 1
        if not known or layer.training or not node.users:
            raise Unwritable(path)
        (value,) = inputs
        source, size = self._input(value), self.sizes[value.name]
        if self.any_size and len(size) == 4:
            size = torch.Size([*size[:2], 0, 0])
        follower = next(iter(node.users))
        if isinstance(layer, nn.Conv2d) and len(node.users) == 1 and self._is_norm(follower):
            layer = fold(layer, self.network.get_submodule(str(follower.target)))
            self.names[follower] = path
        name = LAYERS[type(layer)](self.graph, self._free(path), layer, source, size)
        if name is None:
            raise Unwritable(path)
        return name

    def _is_norm(self, node: fx.Node) -> bool:
        if node.op != "call_module":
            return False
        return type(self.network.get_submodule(str(node.target))) is nn.BatchNorm2d

    def _input(self, node: fx.Node) -> str:
        if not self.names[node]:
            raise Unwritable("lengths")
        return self.names[node]

    def _scope(self, node: fx.Node) -> list[str]:
        """Return the path of the module that a function is called in."""
        stack = node.meta.get("nn_module_stack") or {}
        return [list(stack.values())[-1][0]] if stack else []

    def _free(self, name: str) -> str:
        """Return a name that no value has yet: a layer may be called twice."""
        number, free = 1, name
        while any(free in node.output for node in self.graph.nodes):
            number += 1
            free = f"{name}_{number}"
        return free
