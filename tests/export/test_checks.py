"""What the checks of an export refuse, and by which words."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.export.checks import check
from sightline.export.export import export
from sightline.layout import Layout
from sightline.models.trained import load_model


def load(layout: Layout, name: str) -> onnx.ModelProto:
    return onnx.load(layout.model(name).onnx)


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def run_check(layout: Layout, name: str, path: Path) -> dict:
    split = load_split(layout.processed("bars"), "test")
    return check(path, load_model(layout.trained(name)), *split)


def shift_logit(model: onnx.ModelProto, index: int, by: float) -> None:
    bias = next(item for item in model.graph.initializer if item.name == "head.bias")
    values = numpy_helper.to_array(bias).copy()
    values[index] += by
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))


def test_check_refuses_other_weights(layout, tmp_path):
    model = load(layout, "mlp")
    shift_logit(model, 0, 0.1)
    with pytest.raises(SightlineError, match="batch of 1: logits differs from torch's by"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def test_check_refuses_not_a_number(layout, tmp_path):
    model = load(layout, "mlp")
    shift_logit(model, 0, np.nan)
    with pytest.raises(SightlineError, match="differs from torch's by nan"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def test_check_refuses_an_unrolled_recurrence(layout):
    with pytest.raises(SightlineError, match=r"its recurrent nodes are \{\}, .* \{'LSTM': 1\}"):
        run_check(layout, "lstm", layout.model("cnn").onnx)


@pytest.mark.parametrize(("name", "axis"), [("cnn", 0), ("lstm", 1)])
def test_check_refuses_a_frozen_axis(layout, tmp_path, name, axis):
    model = load(layout, name)
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 2
    with pytest.raises(SightlineError, match=r"input images is .*2.* it must be \['batch'"):
        run_check(layout, name, write(model, tmp_path / "model.onnx"))


def test_check_refuses_weights_in_another_file(layout, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(load(layout, "mlp"), path, save_as_external_data=True, location="w", size_threshold=0)
    with pytest.raises(SightlineError, match="lies in another file"):
        run_check(layout, "mlp", path)


def test_check_refuses_what_the_onnx_checker_refuses(layout, tmp_path):
    model = load(layout, "mlp")
    model.graph.node[-1].op_type = "Softermax"
    with pytest.raises(SightlineError, match="the ONNX checker refuses it"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def make_two_classes_tie(layout: Layout, name: str) -> None:
    """Give two classes the same row of the head, above the third: torch then says the first."""
    path = layout.trained(name).weights
    weights = torch.load(path)
    weights["head.weight"][1] = weights["head.weight"][0]
    weights["head.bias"][:] = torch.tensor([9.0, 9.0, -9.0])
    torch.save(weights, path)


def test_near_ties_are_counted_and_what_is_no_tie_is_refused(copy, tmp_path):
    make_two_classes_tie(copy, "mlp")
    export("mlp", copy)
    model = load(copy, "mlp")
    shift_logit(model, 1, 2e-5)
    figures = run_check(copy, "mlp", write(model, tmp_path / "tie.onnx"))
    assert figures["near_ties"] == figures["images"] == 60
    assert figures["top1_torch"] == figures["top1_onnxruntime"] == pytest.approx(1 / 3, abs=1e-6)

    path = copy.trained("mlp").weights
    weights = torch.load(path)
    weights["head.bias"][0] += 1.2e-4  # within the tolerance of outputs, and more than a tie
    torch.save(weights, path)
    with pytest.raises(SightlineError, match=r"test image \d+: onnxruntime says class 1, torch 0"):
        run_check(copy, "mlp", tmp_path / "tie.onnx")
