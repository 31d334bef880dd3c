"""A session: what a file holds, what it refuses, and what a call costs."""

import re
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from sightline.errors import SightlineError
from sightline.inference.session import STRUCTURED, Session

CUDA = "CUDAExecutionProvider"


def test_a_session_tells_what_the_file_holds(layout):
    session = Session(layout.model("lstm").onnx, threads=1)
    assert session.inputs == {"images": ["batch", "height", 12, 1], "lengths": ["batch"]}
    assert session.outputs["logits"] == ["batch", 3]
    assert session.metadata["classes"] == ["bar 0", "bar 1", "bar 2"]
    assert session.metadata["real"] is False
    assert session.metadata["sightline_contract"] == 2
    assert session.raw.get_providers() == ["CPUExecutionProvider"]
    assert session.raw.get_session_options().intra_op_num_threads == 1


def test_session_takes_lengths_as_any_integers(layout, bars):
    session = Session(layout.model("lstm").onnx)
    images = bars.reshape(3, 12, 12, 1)
    short = session.run(images, [3, 12, -1])["logits"]
    full = session.run(images)["logits"]
    np.testing.assert_array_equal(short[1:], full[1:])
    assert not np.allclose(short[0], full[0], atol=1e-6)


def copy_lstm(layout, folder: Path) -> Path:
    files = layout.model("lstm")
    shutil.copy(files.lengths_onnx, folder / "model-lengths.onnx")
    return Path(shutil.copy(files.onnx, folder / "model.onnx"))


def test_the_file_with_lengths_lies_beside(layout, bars, tmp_path):
    session, images = Session(copy_lstm(layout, tmp_path)), bars.reshape(3, 12, 12, 1)
    expected = Session(layout.model("lstm").onnx).run(images, [3, 5, -1])
    np.testing.assert_array_equal(session.run(images, [3, 5, -1])["logits"], expected["logits"])


def test_lengths_are_refused_where_their_file_is_missing_or_of_another_model(
    layout, bars, tmp_path
):
    images = bars.reshape(3, 12, 12, 1)
    alone = Path(shutil.copy(layout.model("lstm").onnx, tmp_path / "alone.onnx"))
    with pytest.raises(SightlineError, match=r"alone\.onnx: .*lengths"):
        Session(alone).run(images, [3, 5, -1])
    path = copy_lstm(layout, tmp_path)
    shutil.copy(layout.model("cnn").onnx, path)
    with pytest.raises(SightlineError, match=r"model-lengths\.onnx is of another model"):
        Session(path).run(images, [3, 5, -1])


def as_contract_1(path: Path, target: Path) -> None:
    """Write the file as contract 1 had it: one, whose `lengths` is an initializer and an input."""
    proto = onnx.load(path)
    graph = proto.graph
    for node in graph.node:
        node.input[:] = ["every_length" if name == "lengths" else name for name in node.input]
    graph.initializer.append(numpy_helper.from_array(np.array([-1]), "lengths"))
    graph.node.insert(
        0, helper.make_node("Expand", ["lengths", "images_in_batch"], ["every_length"])
    )
    graph.node.insert(0, helper.make_node("Shape", ["images"], ["images_in_batch"], start=0, end=1))
    for item in proto.metadata_props:
        if item.key == "sightline_contract":
            item.value = "1"
    onnx.save(proto, target)


def test_a_file_of_contract_1_is_read_with_and_without_lengths(layout, bars, tmp_path):
    old, files = tmp_path / "old.onnx", layout.model("lstm")
    as_contract_1(files.lengths_onnx, old)
    session, images = Session(old), bars.reshape(3, 12, 12, 1)
    assert session.metadata["sightline_contract"] == 1
    assert session.inputs == {"images": ["batch", "height", 12, 1], "lengths": ["batch"]}
    for lengths in (None, [3, 5, -1]):
        expected = Session(files.onnx).run(images, lengths)
        for name, values in session.run(images, lengths).items():
            np.testing.assert_array_equal(values, expected[name])


@pytest.mark.parametrize(
    ("images", "lengths"),
    [
        (np.zeros((1, 12, 13, 1), np.uint8), None),
        (np.zeros((1, 12, 12, 1), np.float32), None),
        (np.zeros((12, 12, 1), np.uint8), None),
        (np.zeros((1, 12, 12, 1), np.uint8), [5]),
    ],
    ids=["width", "type", "no batch", "lengths of a cnn"],
)
def test_a_session_refuses_what_does_not_fit_and_names_what_does(model, images, lengths):
    with pytest.raises(SightlineError, match=r"model\.onnx: .*it takes \{'images'") as raised:
        Session(model).run(images, lengths)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="CUDA is there")
def test_a_missing_provider_is_an_error_not_a_fallback(model):
    with pytest.raises(SightlineError, match=f"onnxruntime has no {CUDA} here, it has "):
        Session(model, provider=CUDA)


@pytest.mark.gpu
@pytest.mark.skipif(CUDA not in onnxruntime.get_available_providers(), reason="no CUDA")
def test_cuda_answers_as_the_cpu_does(model, bars):
    images = bars.reshape(3, 12, 12, 1)
    on_gpu = Session(model, provider=CUDA).run(images)["probabilities"]
    np.testing.assert_allclose(on_gpu, Session(model).run(images)["probabilities"], atol=1e-3)


def test_a_call_costs_at_most_five_microseconds_more_than_onnxruntimes_own(model):
    """The quickest of many short turns: what else the machine does only makes a turn slower."""
    session = Session(model, threads=1)
    images = np.zeros((1, 12, 12, 1), np.uint8)
    names, run = list(session.outputs), session.raw.run

    def turn(call) -> float:
        start = time.perf_counter()
        for _ in range(20):
            call()
        return (time.perf_counter() - start) / 20

    bare = lambda: run(names, {"images": images})  # noqa: E731
    ours = lambda: session.run(images)  # noqa: E731
    turns = [(turn(bare), turn(ours)) for _ in range(400)]
    quickest = [min(column) for column in zip(*turns, strict=True)]
    assert quickest[1] - quickest[0] < 5e-6


def contract() -> str:
    return (Path(__file__).parents[2] / "docs" / "onnx.md").read_text()


def test_python_example_of_the_contract_runs(layout, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", contract(), re.DOTALL)[1].replace("28, 28", "12, 12")
    monkeypatch.chdir(layout.model("lstm").path)
    exec(compile(code, "docs/onnx.md", "exec"), {})
    assert capsys.readouterr().out.count("bar") == 2


def test_contract_lists_the_metadata_of_a_file(model):
    table = contract().partition("## Metadata")[2].partition("##")[0]
    listed = {
        name: "(JSON)" in row.split("|")[1]
        for row in table.splitlines()
        if row.startswith("| `")
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert set(listed) == set(Session(model).metadata)
    assert {name for name, structured in listed.items() if structured} == set(STRUCTURED)
