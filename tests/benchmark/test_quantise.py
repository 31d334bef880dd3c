"""int8 variants: what is made of which network, and that answers and the contract survive it."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sightline.benchmark.quantise import NotQuantisable, pools_after_norms, quantise
from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.inference.session import Session


def answers(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def conv_pool_norm(scale: list[float]) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    values = {
        "weight": rng.standard_normal((2, 1, 3, 3)).astype(np.float32),
        "scale": np.array(scale, np.float32),
        "shift": rng.standard_normal(2).astype(np.float32),
        "mean": rng.standard_normal(2).astype(np.float32),
        "variance": np.array([0.5, 2.0], np.float32),
    }
    norm = ["pooled", "scale", "shift", "mean", "variance"]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "weight"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("MaxPool", ["c"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("BatchNormalization", norm, ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 4, 4])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("scale", "moved"), [([0.5, 2.0], True), ([0.5, -2.0], False)])
def test_a_norm_moves_before_its_pool_where_that_changes_nothing(scale, moved):
    model = conv_pool_norm(scale)
    x = np.random.default_rng(1).standard_normal((1, 1, 8, 8)).astype(np.float32)
    before = answers(model, x)
    pools_after_norms(model.graph)
    kinds = [node.op_type for node in model.graph.node]
    assert (kinds == ["Conv", "BatchNormalization", "MaxPool"]) == moved
    onnx.checker.check_model(model)
    np.testing.assert_allclose(answers(model, x), before, rtol=1e-5, atol=1e-6)


def quantised(workspace, name: str) -> tuple[onnx.ModelProto, Session, Session]:
    source, target = workspace.model(name).onnx, workspace.root / "int8.onnx"
    images, _ = load_split(workspace.processed("bars"), "train")
    quantise(source, target, images, 64, ["avx2"], "logits")
    first = target.read_bytes()
    quantise(source, target, images, 64, ["avx2"], "logits")
    assert target.read_bytes() == first, "the same file from the same images"
    return onnx.load(target), Session(source), Session(target)


def largest_difference(fp32: Session, int8: Session, *inputs) -> float:
    probabilities = [session.run(*inputs)["probabilities"] for session in (fp32, int8)]
    return np.abs(np.subtract(*probabilities)).max()


def test_a_cnn_is_static_with_its_norms_folded_and_its_head_left_alone(workspace):
    graph, fp32, int8 = quantised(workspace, "cnn")
    kinds = [node.op_type for node in graph.graph.node]
    assert "BatchNormalization" not in kinds and kinds.count("Conv") == 4
    makers = {output: node for node in graph.graph.node for output in node.output}
    for node in graph.graph.node:
        if node.op_type == "Conv":
            assert [makers[name].op_type for name in node.input[:2]] == ["DequantizeLinear"] * 2
    assert makers["logits"].op_type == "Gemm"
    assert makers["probabilities"].op_type == "Softmax"
    images, _ = load_split(workspace.processed("bars"), "test")
    assert 0 < largest_difference(fp32, int8, np.array(images)) < 0.1
    description = json.loads(int8.metadata.pop("int8"))
    assert description["method"] == "static QDQ, calibrated on 64 images of train"
    assert int8.metadata == fp32.metadata and int8.inputs == fp32.inputs


def test_an_lstm_is_dynamic_and_takes_no_lengths(workspace):
    graph, fp32, int8 = quantised(workspace, "lstm")
    assert "DynamicQuantizeLSTM" in [node.op_type for node in graph.graph.node]
    images, _ = load_split(workspace.processed("bars"), "test")
    examples = np.array(images[:5])
    assert 0 < largest_difference(fp32, int8, examples) < 0.1
    with pytest.raises(SightlineError, match=r"int8\.onnx: .*lengths"):
        int8.run(examples, [1, 3, 5, 7, -1])
    assert int8.inputs == {"images": fp32.inputs["images"]}


def test_a_gru_has_no_int8_form_and_nothing_is_written(workspace):
    with pytest.raises(NotQuantisable, match="no int8 kernel for GRU"):
        quantised(workspace, "gru")
    assert not (workspace.root / "int8.onnx").exists()
