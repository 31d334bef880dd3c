"""int8 variants of an exported file: static QDQ for feed-forward networks, dynamic for LSTM.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html. Whether a variant
is worth having is for `sightline.benchmark.gate` to say, by measuring.
"""

import contextlib
import json
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from sightline.errors import SightlineError
from sightline.files import write_atomically

BATCH = 64  # images at a time while calibrating
# What is computed in int8; the head stays float, and with it the outputs.
STATIC = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Add", "Flatten"]
WARNINGS, ERRORS_ONLY = 2, 3  # onnxruntime's scale of severity; the first is its default
NO_KERNEL = {"GRU", "RNN"}


class NotQuantisable(SightlineError):
    """There is no int8 form of this network in onnxruntime."""


def quantise(
    source: Path, target: Path, images: np.ndarray, count: int, flags: list[str], choice: str
) -> str:
    """Write the int8 variant of a file, with its metadata; return how it was made.

    `images` are those of train, uint8 N x H x W x C: `count` of them, evenly spaced, calibrate a
    static variant. `flags` are the processor's. `choice` is the output that the task chooses by:
    what computes it stays float. Raises NotQuantisable for GRU and RNN.
    """
    proto = onnx.load(source)
    kinds = {node.op_type for node in proto.graph.node}
    if unsupported := sorted(kinds & NO_KERNEL):
        raise NotQuantisable(f"onnxruntime has no int8 kernel for {', '.join(unsupported)}")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "made.onnx"
        pools_after_norms(proto.graph)
        # folds BatchNorm into the convolution before it
        quant_pre_process(proto, prepared, skip_symbolic_shape=True)
        if "LSTM" in kinds:
            quantization.quantize_dynamic(
                prepared, made, ["LSTM"], weight_type=quantization.QuantType.QInt8
            )
            method = "dynamic: weights in int8, activations at each call"
        else:
            chosen = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
            _static(prepared, made, images[chosen], flags, choice)
            method = f"static QDQ, calibrated on {len(chosen)} images of train"
        result = onnx.load(made)
    del result.metadata_props[:]
    result.metadata_props.extend(proto.metadata_props)
    result.metadata_props.add(key="int8", value=json.dumps({"method": method}))
    write_atomically(target, result.SerializeToString(deterministic=True))
    return method


def _static(source: Path, target: Path, images: np.ndarray, flags: list[str], choice: str) -> None:
    graph = onnx.load(source).graph
    head = [node.name for node in graph.node if choice in node.output]
    quantization.quantize_static(
        source,
        target,
        _Batches(images),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=STATIC,
        nodes_to_exclude=head,
        per_channel=True,
        # x86 before VNNI adds pairs of products in 16 bits, which 8-bit weights overflow
        reduce_range="avx2" in flags and not any("vnni" in flag for flag in flags),
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


class _Batches(quantization.CalibrationDataReader):
    """Hands onnxruntime's calibrator the images, a batch at a time."""

    def __init__(self, images: np.ndarray):
        self._batches = iter(range(0, len(images), BATCH))
        self._images = images

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next feed; None at the end."""
        start = next(self._batches, None)
        return None if start is None else {"images": self._images[start : start + BATCH]}


def pools_after_norms(graph: onnx.GraphProto) -> None:
    """Turn Conv, MaxPool, BatchNorm into Conv, BatchNorm, MaxPool where that is the same.

    It is where every scale is positive: then a norm keeps the order, and with it the maximum. In
    this order the norm can be folded into the convolution.
    """
    makers = {output: node for node in graph.node for output in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    values = {tensor.name: tensor for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    for norm in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        pool = makers.get(norm.input[0])
        if pool is None or pool.op_type != "MaxPool" or norm.input[1] not in values:
            continue
        before, between, after = pool.input[0], pool.output[0], norm.output[0]
        if len(readers[before]) > 1 or len(readers[between]) > 1 or {before, between} & outputs:
            continue
        if (numpy_helper.to_array(values[norm.input[1]]) <= 0).any():
            continue
        norm.input[0], norm.output[0] = before, between
        pool.input[0], pool.output[0] = between, after
        nodes = list(graph.node)  # a graph lists what makes a value before what reads it
        place_of_pool, place_of_norm = nodes.index(pool), nodes.index(norm)
        nodes[place_of_pool], nodes[place_of_norm] = norm, pool
        del graph.node[:]
        graph.node.extend(nodes)
        pools_after_norms(graph)
        return


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser: it warns on the root logger of every tensor that it leaves alone, and
    its own sessions, which cannot be given options, of every initializer that may be overridden.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(ERRORS_ONLY)
    try:
        yield
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)
        logging.disable(before)
