"""From a trained torch model to an ONNX graph, self-contained and the same for the same weights."""

import io
import warnings

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from sightline.errors import SightlineError
from sightline.export.feedforward import feedforward_graph
from sightline.export.recurrent import Graph, constant, is_plain, needed, recurrent_graph
from sightline.models.trained import TrainedModel

OPSET = 17  # the newest that onnxruntime 1.12 (2022) and what was built on it still reads
IR_VERSION = 8  # of the same year
BATCH, HEIGHT, WIDTH = "batch", "height", "width"  # the names of the dynamic axes in the file


def translate(model: TrainedModel, with_lengths: bool = False) -> onnx.ModelProto:
    """Return the model as ONNX: `images` in, `with_lengths` also `lengths`; out comes every output
    that the model's forward names.

    The batch axis is dynamic, and so is the height of a network that takes any, and both sides of a
    model that takes any size. The graph is written from the network's layers. torch's older
    exporter traces a model of any size, a network with a layer that has no writer, and what a task
    of somebody's own does its own way.
    """
    shapes = _output_shapes(model)
    plain = is_plain(model.network)
    graph = recurrent_graph(model, with_lengths) if plain else feedforward_graph(model)
    if graph is None:
        proto = _traced(model, list(shapes), with_lengths)
    else:
        proto = _written(graph, model, shapes, with_lengths)
    for value in proto.graph.output:
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shapes[value.name]))
    del proto.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)


def _written(
    graph: Graph, model: TrainedModel, shapes: dict[str, list[int | str]], with_lengths: bool
) -> onnx.ModelProto:
    height, width, channels = model.description["shape"]
    axes = [BATCH, HEIGHT if model.network.any_height else height, width, channels]
    inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, axes)]
    if with_lengths:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT64, [BATCH]))
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)
        for name, axes in shapes.items()
    ]
    nodes = needed(graph.nodes, list(shapes))
    used = {name for node in nodes for name in node.input}
    constants = [tensor for name, tensor in graph.constants.items() if name in used]
    return helper.make_model(
        helper.make_graph(nodes, model.description["network"], inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="sightline",
    )


def _traced(model: TrainedModel, outputs: list[str], with_lengths: bool) -> onnx.ModelProto:
    """Return what torch's exporter makes of a model. SightlineError where it cannot."""
    names = ["images", "lengths"] if with_lengths else ["images"]
    dynamic = {name: {0: BATCH} for name in (*names, *outputs)}
    if model.network.any_height:
        dynamic["images"][1] = HEIGHT
    if model.any_size:
        dynamic["images"] |= {1: HEIGHT, 2: WIDTH}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # This exporter is deprecated, and warns of shapes that tracing fixes. docs/onnx.md says why
        # it is used all the same; sightline.export.checks tries every shape that it may have fixed.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                model,
                _example(model, batch=2, extra_rows=0)[: len(names)],
                buffer,  # pyright: ignore[reportArgumentType]: this exporter takes a file object too
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=outputs,
                dynamic_axes=dynamic,
            )
        except torch.onnx.OnnxExporterError as error:
            name, network = model.description["name"], model.description["network"]
            why = str(error).splitlines()[0].partition(". Please")[0]
            raise SightlineError(
                f"{name} cannot be exported ({why}): change the network {network} or its settings; "
                "train, evaluate and insight do without the file"
            ) from None
    proto = onnx.load_from_string(buffer.getvalue())
    _strip(proto.graph)
    _keep_constants(proto.graph)
    _pool_globally(proto.graph)
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


def _keep_constants(graph: onnx.GraphProto) -> None:
    """Keep the values of Constant nodes beside the weights: a picture of the graph is its work."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            value = numpy_helper.to_array(node.attribute[0].t)
            graph.initializer.append(constant(node.output[0], value))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _pool_globally(graph: onnx.GraphProto) -> None:
    """Turn the mean over height and width into GlobalAveragePool and Flatten: OpenCV 4 computes
    ReduceMean over two axes wrongly from the second image of a batch on, and says nothing.
    """
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        over_image = options.get("axes") in ([2, 3], [-1, -2], [-2, -1])
        if node.op_type == "ReduceMean" and over_image and not options.get("keepdims", 1):
            pooled = f"{node.output[0]}/pooled"
            pool = helper.make_node("GlobalAveragePool", node.input, [pooled], pooled)
            nodes += [pool, helper.make_node("Flatten", [pooled], node.output, node.name, axis=1)]
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


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
