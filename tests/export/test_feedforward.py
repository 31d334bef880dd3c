"""Graphs of feed-forward models, layer by layer: torch's answers, the older exporter's bits."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support import PROJECT
from torch import nn

from sightline.export import layer_nodes
from sightline.export import translate as translating
from sightline.export.feedforward import feedforward_graph
from sightline.export.recurrent import Graph
from sightline.export.translate import translate
from sightline.inference.session import open_raw
from sightline.layout import Layout
from sightline.models.trained import TrainedModel
from sightline.networks import cnn
from sightline.settings import params

CLASSES = {"cifar100": 100}
COLOURS = {"mnist": (28, 1), "fashion-mnist": (28, 1)}
SETTINGS = params.load(Layout(PROJECT))
WRITTEN = [
    ("mlp", "classify", {"widths": [8, 4], "dropout": 0.5}),
    ("cnn", "classify", {"widths": [4, 8]}),
    ("cnn", "rotation", {"widths": [4], "pool": "after-norm"}),
    ("cnn", "classify", {"widths": [4, 8], "activation": "silu", "norm_scale": False}),
    ("cnn", "classify", {"widths": [4, 8], "convolutions": 3, "whiten": 2, "activation": "gelu"}),
    ("resnet", "classify", {"widths": [8, 16], "blocks": 2}),
    ("resnet", "rotation", {"widths": [8], "blocks": 1, "stem": "large"}),
]


def model_of(network: str, task: str, settings: dict, shape: list[int], outputs: int):
    """An untrained model whose norms have met something."""
    torch.manual_seed(0)
    channels = shape[2]
    description = {
        "name": network,
        "network": network,
        "task": task,
        "shape": shape,
        "outputs": outputs,
        "recipe": {"network": settings},
        "data": {"mean": [0.1, 0.2, 0.3][:channels], "std": [0.3, 0.2, 0.1][:channels]},
    }
    model = TrainedModel(description).eval()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for values in (norm.weight.data, norm.bias.data, norm.running_mean):
                values.normal_(0.5, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
    return model


def default_model(name: str) -> TrainedModel:
    """A model of params.yaml at its size, untrained."""
    entry = SETTINGS.models[name]
    size, channels = COLOURS.get(entry.dataset, (32, 3))
    outputs = {"next-row": size * channels, "rotation": 1}.get(entry.task)
    settings = SETTINGS.recipes[entry.recipe].network
    shape = [size, size, channels]
    outputs = outputs or CLASSES.get(entry.dataset, 10)
    return model_of(entry.network, entry.task, dict(settings), shape, outputs)


def answers(proto: onnx.ModelProto, tmp_path, images: np.ndarray) -> dict[str, np.ndarray]:
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    names = [value.name for value in proto.graph.output]
    session = open_raw(path, "CPUExecutionProvider", 1)
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def traced(model: TrainedModel) -> onnx.ModelProto:
    """What torch's older exporter makes of a model."""
    shapes = translating._output_shapes(model)
    return onnx.shape_inference.infer_shapes(translating._traced(model, list(shapes), False))


@pytest.mark.parametrize(("network", "task", "settings"), WRITTEN)
def test_a_written_graph_is_the_older_exporters_bit_by_bit(network, task, settings, tmp_path):
    """The day that torch drops that exporter, this test says so, and no default model needs it."""
    model = model_of(network, task, settings, [12, 10, 3], 1 if task == "rotation" else 3)
    old, new = traced(model), translate(model)
    assert [n.op_type for n in new.graph.node] == [n.op_type for n in old.graph.node]
    images = np.random.default_rng(0).integers(0, 256, (9, 12, 10, 3), np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(images))
    for batch in (1, 9):
        before, after = (answers(proto, tmp_path, images[:batch]) for proto in (old, new))
        assert list(before) == list(after) == list(expected)
        for name, values in after.items():
            np.testing.assert_array_equal(values, before[name])
            close = {"rtol": 1e-4, "atol": 1e-5}
            np.testing.assert_allclose(values, expected[name][:batch].numpy(), **close)


@pytest.mark.parametrize("name", SETTINGS.models)
def test_a_default_model_reads_well_in_a_picture_of_its_graph(name):
    """No exporter's numbers for names, no constant among the nodes, a shape on every edge."""
    graph = translate(default_model(name)).graph
    tensors = [tensor.name for tensor in graph.initializer]
    values = [output for node in graph.node for output in node.output]
    for text in (*tensors, *values, *(node.name for node in graph.node)):
        assert "::" not in text and "/" not in text and "_output_" not in text
    assert "Constant" not in {node.op_type for node in graph.node}
    assert len(tensors) == len(set(tensors)) and {"head.weight", "head.bias"} < set(tensors)
    shaped = {
        value.name
        for value in (*graph.value_info, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    assert set(filter(None, values)) == shaped


def test_weights_bear_the_names_of_the_networks_layers():
    model = model_of("resnet", "classify", {"widths": [8, 16], "blocks": 1}, [12, 10, 3], 3)
    tensors = {t.name: numpy_helper.to_array(t) for t in translate(model).graph.initializer}
    assert {"stem.0.weight", "stages.1.shortcut.0.weight", "stages.1.residual.3.bias"} < {*tensors}
    head = model.network.head.weight.detach().numpy()
    np.testing.assert_array_equal(tensors["head.weight"], head)


@pytest.mark.parametrize("channels", [1, 3])
def test_torchvisions_resnet_is_written_too(channels, tmp_path):
    settings = {"architecture": "resnet18"}
    model = model_of("torchvision", "classify", settings, [32, 32, channels], 3)
    proto = translate(model)
    assert "body.layer1.0.conv1.weight" in {tensor.name for tensor in proto.graph.initializer}
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, channels), np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(images))["probabilities"].numpy()
    actual = answers(proto, tmp_path, images)["probabilities"]
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("size", [(6, 6), (13, 10), (3, 1)])
def test_means_of_parts_are_those_of_torch(size):
    """AlexNet's and VGG's pooling, of which ONNX knows nothing unless the parts divide the map."""
    layer, maps = nn.AdaptiveAvgPool2d((6, 7)), torch.randn(2, 3, *size)
    graph = Graph()
    layer_nodes.LAYERS[nn.AdaptiveAvgPool2d](graph, "pool", layer, "maps", maps.shape)
    down, across = (
        torch.from_numpy(numpy_helper.to_array(graph.constants[f"pool.{way}"]).copy())
        for way in ("down", "across")
    )
    torch.testing.assert_close(down @ maps @ across, layer(maps), rtol=1e-5, atol=1e-6)


def test_a_mistake_of_a_writer_is_no_reason_to_trace(monkeypatch):
    def mistaken(*args):
        raise ValueError("a writer's own mistake")

    monkeypatch.setitem(layer_nodes.LAYERS, nn.ReLU, mistaken)
    with pytest.raises(ValueError, match="a writer's own mistake"):
        translate(model_of("mlp", "classify", {"widths": [8]}, [12, 10, 3], 3))


class Branching(cnn.Network):
    """A network of somebody's own that fx cannot list: what it does depends on a value."""

    def features(self, images, lengths=None):
        x = super().features(images, lengths)
        return x if x.sum() > x.new_zeros(()) - 1e9 else -x


class Doubled(cnn.Network):
    """A network of somebody's own: a function that no node is known for."""

    def features(self, images, lengths=None):
        return super().features(images, lengths).tanh()


@pytest.mark.parametrize("own", [Doubled, Branching])
def test_what_has_no_writer_is_traced(own, tmp_path):
    model = model_of("cnn", "classify", {"widths": [4, 8]}, [12, 10, 3], 3)
    assert feedforward_graph(model)
    model.network.__class__ = own
    assert feedforward_graph(model) is None
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 10, 3), np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(images))["features"].numpy()
    actual = answers(translate(model), tmp_path, images)["features"]
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-5)
