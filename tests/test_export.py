"""Export: every network becomes one native, dynamic, reproducible file that agrees with torch."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import MODELS, trained
from onnx import numpy_helper

import sightline
from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.export import export
from sightline.export.checks import check
from sightline.export.translate import OPSET
from sightline.files import write_json
from sightline.layout import Layout
from sightline.models.trained import load_model
from sightline.networks import layers

RECURRENT = [name for name in MODELS if name.split("-")[0] in ("rnn", "irnn", "lstm", "gru")]
ANY_HEIGHT = [name for name in RECURRENT if name != "irnn-permuted"]


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    made = trained(tmp_path_factory.mktemp("export"), *MODELS)
    for name in MODELS:
        export(name, made)
    return made


@pytest.fixture
def copy(layout, tmp_path) -> Layout:
    shutil.copytree(layout.root, tmp_path / "copy")
    return Layout(tmp_path / "copy")


def proto(layout: Layout, name: str) -> onnx.ModelProto:
    return onnx.load(layout.model(name) / "model.onnx")


def bare(layout: Layout, name: str, **feeds) -> dict[str, np.ndarray]:
    """Ask the file as somebody does who has onnxruntime and nothing of ours."""
    session = onnxruntime.InferenceSession(layout.model(name) / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def images(layout: Layout, count: int) -> np.ndarray:
    return np.array(load_split(layout.processed("bars"), "test")[0][:count])


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_torchs(layout, name):
    some = images(layout, 7)
    with torch.inference_mode():
        expected = load_model(layout.model(name))(torch.from_numpy(some))
    actual = bare(layout, name, images=some)
    assert list(actual) == ["logits", "probabilities", "features"]
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(actual["probabilities"].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_axes_have_names_where_they_are_dynamic(layout, name):
    def shape(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    graph = proto(layout, name).graph
    height = "height" if name in ANY_HEIGHT else 12
    inputs = {value.name: shape(value) for value in graph.input}
    lengths = {"lengths": ["batch"]} if name in RECURRENT else {}
    assert inputs == {"images": ["batch", height, 12, 1]} | lengths
    outputs = {value.name: shape(value) for value in graph.output}
    features = load_model(layout.model(name)).network.feature_size
    assert outputs == {
        "logits": ["batch", 3],
        "probabilities": ["batch", 3],
        "features": ["batch", features],
    }


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
    types = [node.op_type for node in proto(layout, name).graph.node]
    assert [kind for kind in types if kind in ("RNN", "LSTM", "GRU")] == nodes
    assert not {"Loop", "Scan", "If"} & set(types)


EMPTY = """
import sys
import numpy as np
import onnxruntime
from sightline.errors import SightlineError
from sightline.inference import Session
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
    paths = [layout.model(name) / "model.onnx" for name in MODELS]
    command = [sys.executable, "-c", EMPTY, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = dict(zip(MODELS, done.stdout.splitlines()[::2], strict=True))
    assert done.stdout.splitlines()[1::2] == list(said.values())
    refused = {name for name, text in said.items() if "refuses an empty batch" in text}
    assert refused == set(RECURRENT)
    assert {text for name, text in said.items() if name not in RECURRENT} == {"0 0 0"}


@pytest.mark.parametrize("name", ANY_HEIGHT)
@pytest.mark.parametrize("rows", [1, 5, 12, 30])
def test_any_number_of_rows(layout, name, rows):
    some = np.resize(images(layout, 6), (3, rows, 12, 1))
    with torch.inference_mode():
        expected = load_model(layout.model(name))(torch.from_numpy(some))
    actual = bare(layout, name, images=some)
    np.testing.assert_allclose(actual["logits"], expected["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ANY_HEIGHT)
def test_padding_equals_truncation_and_lengths_may_be_left_out(layout, name):
    some = images(layout, 3)
    steps = load_model(layout.model(name)).network.steps_per_row
    padded = some.copy()
    rows = [4, 12, 9]
    for image, real in zip(padded, rows, strict=True):
        image[real:] = 255
    lengths = np.array(rows) * steps
    lengths[1] = -1  # all of them
    together = bare(layout, name, images=padded, lengths=lengths)
    for index, real in enumerate(rows):
        alone = bare(layout, name, images=some[index : index + 1, :real])
        for key, value in alone.items():
            np.testing.assert_allclose(together[key][index], value[0], rtol=1e-4, atol=1e-6)
    everything = bare(layout, name, images=padded, lengths=np.full(3, -1))
    without = bare(layout, name, images=padded)
    np.testing.assert_array_equal(everything["logits"], without["logits"])
    assert not np.allclose(together["logits"][0], without["logits"][0], atol=1e-6)


def test_metadata_says_what_the_file_is(layout):
    model = proto(layout, "lstm")
    said = {item.key: item.value for item in model.metadata_props}
    assert said["sightline_contract"] == "1"
    assert (said["name"], said["network"], said["task"]) == ("lstm", "lstm", "classify")
    assert (said["dataset"], said["catalogue"], said["terms"]) == ("bars", "sample", "none")
    assert json.loads(said["classes"]) == ["bar 0", "bar 1", "bar 2"]
    assert json.loads(said["real"]) is False
    metrics = json.loads((layout.report("lstm") / "metrics.json").read_text())
    assert json.loads(said["metrics"]) == metrics
    image = json.loads(said["image"])
    assert image["resize"] == {"size": 12, "rule": "shorter side, then centre crop"}
    assert (image["polarity"], image["colours"]) == ("light-on-dark", "grey")
    assert json.loads(said["versions"])["torch"] == torch.__version__.partition("+")[0]
    assert [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)]


def test_report_holds_flat_figures_of_the_whole_test_split(layout):
    figures = json.loads((layout.report("gru") / "export.json").read_text())
    assert all(isinstance(value, int | float) for value in figures.values())
    metrics = json.loads((layout.report("gru") / "metrics.json").read_text())
    assert figures["images"] == 60
    assert figures["top1_torch"] == figures["top1_onnxruntime"] == metrics["test"]["top1"]
    assert figures["near_ties"] == 0
    assert 0 <= figures["max_relative_difference_logits"] < 1e-4
    assert figures["bytes"] == (layout.model("gru") / "model.onnx").stat().st_size


def test_same_weights_same_bytes_in_another_process_with_its_code_elsewhere(copy, tmp_path):
    name = "lstm-deep"
    before = {
        path: path.read_bytes()
        for path in (
            copy.model(name) / "model.onnx",
            copy.model(name) / "README.md",
            copy.report(name) / "export.json",
        )
    }
    source = tmp_path / "elsewhere"
    shutil.copytree(Path(sightline.__file__).parent, source / "sightline")
    moved = source / "sightline" / "networks" / "layers.py"
    moved.write_text("# a comment moves every line\n" + moved.read_text())
    subprocess.run(
        [sys.executable, "-m", "sightline.cli", "export", name],
        cwd=copy.root,
        env=os.environ | {"PYTHONPATH": str(source)},
        check=True,
        capture_output=True,
    )
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("name", MODELS)
def test_file_carries_no_path_of_this_machine(layout, name):
    content = (layout.model(name) / "model.onnx").read_bytes()
    for trace in (str(Path(sightline.__file__).parent), str(layout.root), str(Path.home()), ".py"):
        assert trace.encode() not in content


def test_code_of_the_card_runs(layout):
    card = (layout.model("cnn") / "README.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    blocked = "import sys; sys.modules['torch'] = sys.modules['sightline'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + code],
        cwd=layout.model("cnn"),
        check=True,
        capture_output=True,
        text=True,
    )
    assert "'probabilities': (2, 3)" in done.stdout
    assert "bar" in done.stdout.splitlines()[-1]


def test_card_tells_sample_from_real_and_carries_the_figures(layout):
    card = (layout.model("cnn") / "README.md").read_text()
    metrics = json.loads((layout.report("cnn") / "metrics.json").read_text())
    assert "NOT real data" in card
    assert f"| test | 60 | {metrics['test']['top1']} |" in card
    assert "lengths" not in card
    assert "`lengths`" in (layout.model("lstm") / "README.md").read_text()


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def run_check(layout: Layout, name: str, path: Path) -> dict:
    split = load_split(layout.processed("bars"), "test")
    return check(path, load_model(layout.model(name)), *split)


def shift_logit(model: onnx.ModelProto, index: int, by: float) -> None:
    bias = next(item for item in model.graph.initializer if item.name == "network.head.bias")
    values = numpy_helper.to_array(bias).copy()
    values[index] += by
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))


def test_check_refuses_other_weights(layout, tmp_path):
    model = proto(layout, "mlp")
    shift_logit(model, 0, 0.1)
    with pytest.raises(SightlineError, match="batch of 1: logits differs from torch's by"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def test_check_refuses_not_a_number(layout, tmp_path):
    model = proto(layout, "mlp")
    shift_logit(model, 0, np.nan)
    with pytest.raises(SightlineError, match="differs from torch's by nan"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def test_check_refuses_an_unrolled_recurrence(layout):
    with pytest.raises(SightlineError, match=r"its recurrent nodes are \{\}, .* \{'LSTM': 1\}"):
        run_check(layout, "lstm", layout.model("cnn") / "model.onnx")


@pytest.mark.parametrize(("name", "axis"), [("cnn", 0), ("lstm", 1)])
def test_check_refuses_a_frozen_axis(layout, tmp_path, name, axis):
    model = proto(layout, name)
    model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = 2
    with pytest.raises(SightlineError, match=r"input images is .*2.* it must be \['batch'"):
        run_check(layout, name, write(model, tmp_path / "model.onnx"))


def test_check_refuses_weights_in_another_file(layout, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(
        proto(layout, "mlp"), path, save_as_external_data=True, location="w", size_threshold=0
    )
    with pytest.raises(SightlineError, match="lies in another file"):
        run_check(layout, "mlp", path)


def test_check_refuses_what_the_onnx_checker_refuses(layout, tmp_path):
    model = proto(layout, "mlp")
    model.graph.node[-1].op_type = "Softermax"
    with pytest.raises(SightlineError, match="the ONNX checker refuses it"):
        run_check(layout, "mlp", write(model, tmp_path / "model.onnx"))


def make_two_classes_tie(layout: Layout, name: str) -> None:
    """Give two classes the same row of the head, above the third: torch then says the first."""
    path = layout.model(name) / "weights.pt"
    weights = torch.load(path)
    weights["head.weight"][1] = weights["head.weight"][0]
    weights["head.bias"][:] = torch.tensor([9.0, 9.0, -9.0])
    torch.save(weights, path)


def test_near_ties_are_counted_and_what_is_no_tie_is_refused(copy, tmp_path):
    make_two_classes_tie(copy, "mlp")
    export("mlp", copy)
    model = proto(copy, "mlp")
    shift_logit(model, 1, 2e-5)
    figures = run_check(copy, "mlp", write(model, tmp_path / "tie.onnx"))
    assert figures["near_ties"] == figures["images"] == 60
    assert figures["top1_torch"] == figures["top1_onnxruntime"] == pytest.approx(1 / 3, abs=1e-6)

    path = copy.model("mlp") / "weights.pt"
    weights = torch.load(path)
    weights["head.bias"][0] += 1.2e-4  # within the tolerance of outputs, and more than a tie
    torch.save(weights, path)
    with pytest.raises(SightlineError, match=r"test image \d+: onnxruntime says class 1, torch 0"):
        run_check(copy, "mlp", tmp_path / "tie.onnx")


@dataclass(frozen=True)
class NoSettings:
    """A user's network without settings."""


class FrozenBatch(layers.Network):
    """The mistake that an exporter does not see: a batch size turned into a number."""

    def __init__(self, settings, shape, outputs):
        super().__init__(shape, outputs, 4)

    def features(self, images, lengths=None):
        offset = torch.zeros(int(images.shape[0]), 4)
        return images.flatten(1)[:, :4] + offset


def test_failing_export_stops_with_a_line_and_leaves_no_model(copy, monkeypatch):
    network = ModuleType("sightline.networks.frozen")
    network.Settings, network.Network = NoSettings, FrozenBatch
    monkeypatch.setitem(sys.modules, "sightline.networks.frozen", network)
    folder = copy.model("mlp")
    description = json.loads((folder / "model.json").read_text())
    description |= {"network": "frozen", "recipe": {**description["recipe"], "network": {}}}
    write_json(folder / "model.json", description)
    weights = FrozenBatch(NoSettings(), description["shape"], 3).state_dict()
    torch.save(weights, folder / "weights.pt")
    assert (folder / "model.onnx").exists()
    with pytest.raises(SightlineError, match=r"model\.onnx was not written: ") as caught:
        export("mlp", copy)
    assert "\n" not in str(caught.value)
    assert not list(folder.glob("*.onnx*"))


def test_export_without_metrics_names_the_stage_to_run(copy):
    (copy.report("mlp") / "metrics.json").unlink()
    with pytest.raises(SightlineError, match="dvc repro evaluate@mlp"):
        export("mlp", copy)


def test_export_needs_test_images(copy):
    for kind in ("images", "labels"):
        path = copy.processed("bars") / f"test.{kind}.npy"
        np.save(path, np.load(path)[:0])
    with pytest.raises(SightlineError, match="the test split is empty"):
        export("mlp", copy)
