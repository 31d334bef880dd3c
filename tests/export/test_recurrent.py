"""Recurrent graphs, node by node: few, named after the layers, and torch's answers."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization.shape_inference import quant_pre_process

from sightline.export.recurrent import is_plain
from sightline.export.translate import translate
from sightline.inference.session import open_raw
from sightline.models.trained import TrainedModel
from sightline.networks import layers, lstm
from sightline.tasks.base import Task


def untrained(network: str, task: str = "classify", settings: dict | None = None) -> TrainedModel:
    torch.manual_seed(0)
    outputs = {"classify": 3, "next-row": 15, "rotation": 1}[task]
    return TrainedModel(
        {
            "network": network,
            "task": task,
            "shape": [6, 5, 3],
            "outputs": outputs,
            "recipe": {"network": settings or {"hidden_size": 4}},
            "data": {"mean": [0.1, 0.2, 0.3], "std": [0.3, 0.2, 0.1]},
        }
    ).eval()


def answers(proto: onnx.ModelProto, tmp_path, **feeds) -> dict[str, np.ndarray]:
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    names = [value.name for value in proto.graph.output]
    session = open_raw(path, "CPUExecutionProvider", 1)
    return dict(zip(names, session.run(names, feeds), strict=True))


def assert_torchs(model: TrainedModel, tmp_path) -> None:
    """Both files, at the lengths that a contract promises: below 0, 0, and more than there are."""
    images = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3), np.uint8)
    steps = model.network.steps_per_row * 6
    lengths = np.array([-1, 0, 1, 2, 5, 6, steps, steps + 1, -9])
    for feeds in ({"images": images}, {"images": images, "lengths": lengths}):
        proto = translate(model, "lengths" in feeds)
        assert [value.name for value in proto.graph.input] == [*feeds]
        actual = answers(proto, tmp_path, **feeds)
        with torch.inference_mode():
            expected = model(*(torch.from_numpy(value) for value in feeds.values()))
        assert list(actual) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["rnn", "irnn", "lstm", "gru"])
@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("classify", {"layers": 2}),
        ("classify", {"bidirectional": True, "layers": 2}),
        ("classify", {"sequence": "pixels"}),
        ("classify", {"sequence": "permuted-pixels", "bidirectional": True}),
        ("next-row", {"layers": 2}),
        ("rotation", {}),
    ],
)
def test_a_written_graph_gives_torchs_answers(network, task, settings, tmp_path):
    model = untrained(network, task, {"hidden_size": 4, **settings})
    assert is_plain(model.network)
    assert_torchs(model, tmp_path)


def test_a_layer_stands_among_few_nodes_and_its_weights_have_names():
    graph = translate(untrained("lstm")).graph
    before = ["Cast", "Div", "Sub", "Div", "Reshape", "Transpose"]
    zeros = ["Shape", "Concat", "ConstantOfShape"]
    assert [node.op_type for node in graph.node] == [
        *before,
        *zeros,
        *("LSTM", "Squeeze", "Gemm", "Softmax"),
    ]
    (state,) = (node for node in graph.node if node.op_type == "ConstantOfShape")
    assert numpy_helper.to_array(state.attribute[0].t).dtype == np.float32  # OpenCV 5 asks for it
    names = {tensor.name for tensor in graph.initializer}
    assert {"lstm.weight", "lstm.recurrent", "lstm.bias", "head.weight", "head.bias"} < names
    assert len(translate(untrained("lstm", "next-row")).graph.node) == 17
    deep = {
        tensor.name
        for tensor in translate(
            untrained("gru", settings={"hidden_size": 4, "layers": 2})
        ).graph.initializer
    }
    assert {"gru_1.weight", "gru_2.weight"} < deep


@pytest.mark.parametrize("network", ["gru", "cnn"])
def test_an_angle_is_scaled_before_it_loses_an_axis(network):
    """In the other order OpenCV 4 gives every image of a batch the angle of the first."""
    settings = {"widths": [4, 8]} if network == "cnn" else {"hidden_size": 4}
    nodes = translate(untrained(network, "rotation", settings)).graph.node
    assert [node.op_type for node in nodes][-2:] == ["Mul", "Reshape"]


def test_weights_are_the_layers_own():
    model = untrained("gru")
    graph = translate(model).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    reset, update, new = model.network.cells()[0].get_parameter("weight_ih_l0").detach().chunk(3)
    assert np.array_equal(tensors["gru.weight"][0], torch.cat([update, reset, new]).numpy())


@pytest.mark.parametrize("with_lengths", [False, True])
def test_onnxs_reference_evaluator_gives_the_same_answers_at_64_rows(with_lengths, tmp_path):
    proto = translate(untrained("lstm"), with_lengths)
    feeds = {"images": np.random.default_rng(0).integers(0, 256, (2, 64, 5, 3), np.uint8)}
    if with_lengths:
        feeds["lengths"] = np.array([40, -1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = ReferenceEvaluator(proto).run(None, feeds)
    for one, other in zip(reference, answers(proto, tmp_path, **feeds).values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "task", "settings"),
    [
        ("lstm", "next-row", {"hidden_size": 4}),
        ("gru", "rotation", {"hidden_size": 4}),
        ("cnn", "rotation", {"widths": [4, 8]}),
    ],
)
def test_onnxruntimes_quant_pre_process_takes_the_graph(network, task, settings, tmp_path):
    proto = translate(untrained(network, task, settings))
    quant_pre_process(proto, tmp_path / "prepared.onnx", skip_symbolic_shape=True)
    assert len(onnx.load(tmp_path / "prepared.onnx").graph.output) == 2


class MeanOfStates(lstm.Network):
    """A network of somebody's own: its features are no layer's last state."""

    def features(self, images, lengths=None):
        states = self.states(self.steps(images), lengths)
        return states.mean(1) + layers.last(states.transpose(0, 1), lengths)


def test_a_network_or_a_task_of_ones_own_is_traced(tmp_path, monkeypatch):
    model = untrained("lstm")
    monkeypatch.setattr(type(model.task), "write", Task.write)
    assert_torchs(model, tmp_path)
    monkeypatch.undo()
    model.network.__class__ = MeanOfStates
    assert not is_plain(model.network)
    assert_torchs(model, tmp_path)
