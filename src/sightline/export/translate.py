"""From a trained torch model to an ONNX graph, self-contained and the same for the same weights."""

import io
import warnings

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from sightline.models.trained import TrainedModel

OPSET = 17  # the newest that onnxruntime 1.12 (2022) and what was built on it still reads
BATCH, HEIGHT = "batch", "height"  # the names of the dynamic axes in the file


def translate(model: TrainedModel) -> onnx.ModelProto:
    """Return the model as ONNX: `images` and, where it takes them, `lengths` in; out comes every
    output that the model's forward names.

    The batch axis is dynamic, and so is the height of a network that takes any.
    """
    names = ["images", "lengths"] if model.network.takes_lengths else ["images"]
    shapes = _output_shapes(model)
    traced = ["images", "lengths_of_all"][: len(names)]
    dynamic = {name: {0: BATCH} for name in (*traced, *shapes)}
    if model.network.any_height:
        dynamic["images"][1] = HEIGHT
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # This exporter is deprecated, and warns of shapes that tracing fixes. docs/onnx.md says why
        # it is used all the same; sightline.export.checks tries every shape that it may have fixed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            _example(model, batch=2, extra_rows=0),
            buffer,  # pyright: ignore[reportArgumentType]: this exporter writes to a file object too
            dynamo=False,
            opset_version=OPSET,
            input_names=traced,
            output_names=list(shapes),
            dynamic_axes=dynamic,
        )
    proto = onnx.load_from_string(buffer.getvalue())
    if "lengths" in names:
        _make_lengths_optional(proto.graph)
    for value in proto.graph.output:
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shapes[value.name]))
    _strip(proto.graph)
    return proto


def _example(model: TrainedModel, batch: int, extra_rows: int) -> tuple[Tensor, ...]:
    """Return inputs to trace the model with; `lengths` cuts, so that no branch on it is lost."""
    height, width, channels = model.description["shape"]
    images = torch.zeros(batch, height + extra_rows, width, channels, dtype=torch.uint8)
    if not model.network.takes_lengths:
        return (images,)
    return images, torch.arange(1, batch + 1)


def _output_shapes(model: TrainedModel) -> dict[str, list[int | str]]:
    """Return each output's axes: an int where fixed, a name where two differing inputs move it."""
    extra = 1 if model.network.any_height else 0
    height = model.description["shape"][0]
    with torch.inference_mode():
        first = model(*_example(model, batch=2, extra_rows=0))
        second = model(*_example(model, batch=5, extra_rows=extra))

    def axis(name: str, index: int, one: int, other: int) -> int | str:
        if one == other:
            return one
        if index == 0:
            return BATCH
        return HEIGHT if (one, other) == (height, height + extra) else f"{name}_{index}"

    return {
        name: [
            axis(name, index, *pair)
            for index, pair in enumerate(zip(first[name].shape, second[name].shape, strict=True))
        ]
        for name in first
    }


def _make_lengths_optional(graph: onnx.GraphProto) -> None:
    """Let a caller leave `lengths` out: its default, one -1, is an initializer that a fed input of
    the same name overrides, and Expand repeats it for every image of the batch.
    """
    inputs = {value.name: value for value in graph.input}
    inputs["lengths_of_all"].name = "lengths"
    graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "lengths"))
    first = [
        helper.make_node("Shape", ["images"], ["images_in_batch"], "lengths/Shape", start=0, end=1),
        helper.make_node(
            "Expand", ["lengths", "images_in_batch"], ["lengths_of_all"], "lengths/Expand"
        ),
    ]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(first + rest)


def _strip(graph: onnx.GraphProto) -> None:
    """Remove what depends on where the code lies: paths and line numbers of the source."""
    parts = [*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer, graph]
    for part in parts:
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            for inner in [attribute.g, *attribute.graphs]:
                if inner.ByteSize():
                    _strip(inner)
