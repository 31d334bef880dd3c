"""Every network becomes one native, dynamic graph whose outputs are torch's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import MODELS

import sightline
from sightline.data.arrays import load_split
from sightline.layout import Layout
from sightline.models.trained import load_model

RECURRENT = [name for name in MODELS if name.split("-")[0] in ("rnn", "irnn", "lstm", "gru")]
ANY_HEIGHT = [name for name in RECURRENT if name != "irnn-permuted"]


def bare(layout: Layout, name: str, **feeds) -> dict[str, np.ndarray]:
    """Ask the file as somebody does who has onnxruntime and nothing of ours."""
    files = layout.model(name)
    session = onnxruntime.InferenceSession(files.lengths_onnx if "lengths" in feeds else files.onnx)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def take(layout: Layout, count: int) -> np.ndarray:
    return np.array(load_split(layout.processed("bars"), "test")[0][:count])


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_torchs(layout, name):
    images = take(layout, 7)
    with torch.inference_mode():
        expected = load_model(layout.trained(name))(torch.from_numpy(images))
    actual = bare(layout, name, images=images)
    assert list(actual) == ["logits", "probabilities", "features"]
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(actual["probabilities"].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_axes_have_names_where_they_are_dynamic(layout, name):
    def shape(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    files = layout.model(name)
    height = "height" if name in ANY_HEIGHT else 12
    features = load_model(layout.trained(name)).network.feature_size
    expected = {files.onnx: {"images": ["batch", height, 12, 1]}}
    if name in RECURRENT:
        expected[files.lengths_onnx] = expected[files.onnx] | {"lengths": ["batch"]}
    assert {*files.path.glob("*.onnx")} == {*expected}
    for path, inputs in expected.items():
        graph = onnx.load(path).graph
        assert {value.name: shape(value) for value in graph.input} == inputs
        assert {value.name: shape(value) for value in graph.output} == {
            "logits": ["batch", 3],
            "probabilities": ["batch", 3],
            "features": ["batch", features],
        }
        assert not {value.name for value in graph.input} & {t.name for t in graph.initializer}
        assert {name for node in graph.node for name in node.output if name} - set(
            value.name for value in (*graph.value_info, *graph.output)
        ) == set(), "a value without its shape"


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        ("mlp", []),
        ("cnn", []),
        ("rnn", ["RNN"]),
        ("irnn", ["RNN"]),
        ("lstm", ["LSTM"]),
        ("gru", ["GRU"]),
        ("lstm-deep", ["LSTM"] * 4),
    ],
)
def test_a_layer_and_direction_is_one_native_node(layout, name, nodes):
    files = layout.model(name)
    for path in (files.onnx, files.lengths_onnx) if nodes else (files.onnx,):
        types = [node.op_type for node in onnx.load(path).graph.node]
        assert [kind for kind in types if kind in ("RNN", "LSTM", "GRU")] == nodes
        assert not {"Loop", "Scan", "If", "Constant"} & set(types)


EMPTY = """
import sys
import numpy as np
import onnxruntime
from sightline.errors import SightlineError
from sightline.inference.session import Session
levels = onnxruntime.GraphOptimizationLevel
for path in sys.argv[1:]:
    for level in (levels.ORT_ENABLE_ALL, levels.ORT_DISABLE_ALL):
        session = Session(path, threads=1, level=level)
        try:
            answer = session.run(np.zeros((0, 12, 12, 1), np.uint8))
            print(*(len(values) for values in answer.values()))
        except SightlineError as error:
            print(str(error).split(": ")[1])
"""


def test_an_empty_batch_is_answered_or_refused_and_never_ends_the_process(layout):
    """It does where it reaches onnxruntime's LSTM or GRU: a Reshape with -1 before them refuses it,
    so there must be one, whatever the exporter or the optimiser makes of the graph.
    """
    paths = [layout.model(name).onnx for name in MODELS]
    command = [sys.executable, "-c", EMPTY, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = dict(zip(MODELS, done.stdout.splitlines()[::2], strict=True))
    assert done.stdout.splitlines()[1::2] == list(answers.values())
    refused = {name for name, text in answers.items() if "refuses an empty batch" in text}
    assert refused == set(RECURRENT)
    assert {text for name, text in answers.items() if name not in RECURRENT} == {"0 0 0"}


@pytest.mark.parametrize("name", ANY_HEIGHT)
@pytest.mark.parametrize("rows", [1, 5, 12, 30])
def test_any_number_of_rows(layout, name, rows):
    images = np.resize(take(layout, 6), (3, rows, 12, 1))
    with torch.inference_mode():
        expected = load_model(layout.trained(name))(torch.from_numpy(images))
    actual = bare(layout, name, images=images)
    np.testing.assert_allclose(actual["logits"], expected["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ANY_HEIGHT)
def test_padding_equals_truncation_and_all_steps_are_as_without_lengths(layout, name):
    images = take(layout, 3)
    steps = load_model(layout.trained(name)).network.steps_per_row
    padded = images.copy()
    rows = [4, 12, 9]
    for image, real in zip(padded, rows, strict=True):
        image[real:] = 255
    lengths = np.array(rows) * steps
    lengths[1] = -1  # all of them
    together = bare(layout, name, images=padded, lengths=lengths)
    for index, real in enumerate(rows):
        alone = bare(layout, name, images=images[index : index + 1, :real])
        for key, value in alone.items():
            np.testing.assert_allclose(together[key][index], value[0], rtol=1e-4, atol=1e-6)
    everything = bare(layout, name, images=padded, lengths=np.full(3, -1))
    without = bare(layout, name, images=padded)
    np.testing.assert_array_equal(everything["logits"], without["logits"])
    assert not np.allclose(together["logits"][0], without["logits"][0], atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_file_carries_no_path_of_this_machine(layout, name):
    content = layout.model(name).onnx.read_bytes()
    for trace in (str(Path(sightline.__file__).parent), str(layout.root), str(Path.home()), ".py"):
        assert trace.encode() not in content
