"""scripts/consumers: exported models in runtimes that know nothing of Sightline."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from exported import trained
from support import PROJECT, run_script

from sightline.export.export import export
from sightline.inference.session import Session
from sightline.layout import Layout

SCRIPTS = PROJECT / "scripts" / "consumers"
MODELS = ("cnn-rotation", "lstm")
OF_LSTM = 2 * 6  # three batches and three heights, and all of them with lengths


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A workspace with a model that takes lengths and one whose output has one axis."""
    layout = trained(tmp_path_factory.mktemp("consumers") / "root", *MODELS)
    for name in MODELS:
        export(name, layout)
    return layout.root


@pytest.fixture(scope="module")
def modules():
    """The script's modules, which import each other as programs in one folder do."""
    names = {path.stem for path in SCRIPTS.glob("*.py")} - {"__main__"}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def answered(root, modules, tmp_path_factory) -> Path:
    """What a runtime is asked of the LSTM, and onnxruntime's answers."""
    folder = tmp_path_factory.mktemp("answered")
    modules("cases").write_cases("lstm", Layout(root), folder / "lstm")
    asked(folder / "lstm")
    return folder


@pytest.fixture
def lstm_cases(answered, tmp_path) -> Path:
    """The cases, to be changed; the answers lie beside them."""
    shutil.copytree(answered, tmp_path / "copy")
    return tmp_path / "copy" / "lstm"


@pytest.fixture
def answers(lstm_cases) -> Path:
    """Onnxruntime's answers, to be changed."""
    return lstm_cases.with_name("answers.jsonl")


def asked(cases: Path, runtime: str = "onnxruntime") -> Path:
    """Return the answers of a runtime of this environment."""
    answers = cases.parent / "answers.jsonl"
    program = [sys.executable, str(SCRIPTS / "ask.py"), runtime, str(cases), str(answers)]
    subprocess.run(program, check=True)
    return answers


def verdicts(modules, cases: Path, answers: Path, ended: str | None = None) -> dict:
    compare = modules("compare")
    return compare.compare(cases, compare.read_answers(answers)[1], ended)


@pytest.mark.parametrize("runtime", ["onnxruntime", "reference"])
def test_right_answers_are_right(lstm_cases, modules, runtime):
    result = verdicts(modules, lstm_cases, asked(lstm_cases, runtime))
    assert set(result) == {"model.onnx", "model-lengths.onnx"}
    for one in result.values():
        assert len(one.right) == one.cases == 6
        assert one.share < 1e-5 and one.same == one.images == 1 + 2 + 257 + 3 * 2


def test_a_runtime_that_loses_the_lengths_is_seen(lstm_cases, modules):
    """As seven runtimes did with files of contract 1: no error, other answers."""
    lost = onnx.load(lstm_cases / "model.onnx")
    lost.graph.input.append(onnx.load(lstm_cases / "model-lengths.onnx").graph.input[1])
    onnx.save(lost, lstm_cases / "model-lengths.onnx")
    one = verdicts(modules, lstm_cases, asked(lstm_cases))["model-lengths.onnx"]
    assert len(one.wrong) >= 5 and one.share > 1e-4
    assert "logits is off by" in one.wrong["batch 257, lengths"]


def test_refusals_keep_their_words_and_an_end_has_its_own(lstm_cases, modules):
    (lstm_cases / "model-lengths.onnx").write_bytes(b"no model")
    answers = asked(lstm_cases)
    one = verdicts(modules, lstm_cases, answers)["model-lengths.onnx"]
    assert one.cases == len(one.refused) == 6
    assert all("InvalidProtobuf" in words for words in one.refused.values())
    kept = answers.read_text().splitlines(keepends=True)[:3]
    answers.write_text("".join(kept) + '{"case": "batch 257", "outp')  # killed as it wrote
    ended = verdicts(modules, lstm_cases, answers, "the process ended by signal 11")
    assert ended["model.onnx"].refused["batch 257"] == "the process ended by signal 11"
    assert ended["model.onnx"].right == ["batch 1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: [float("nan"), *values[1:]], "logits is off by nan"),
        (lambda values: [value + 1 for value in values], "logits is off by"),
        (lambda values: values[:-1], "logits is [5] and not [2, 3]"),
    ],
)
def test_what_is_wrong_is_named(lstm_cases, answers, modules, change, words):
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("case") == "batch 2"]
    logits = line["outputs"]["logits"]
    logits["data"] = change(logits["data"])
    if len(logits["data"]) == 5:
        logits["shape"] = [5]
    answers.write_text("\n".join(json.dumps(line) for line in lines))
    one = verdicts(modules, lstm_cases, answers)["model.onnx"]
    assert list(one.wrong) == ["batch 2"] and words in one.wrong["batch 2"]


def test_values_that_are_right_in_other_axes_are_named_apart(lstm_cases, answers, modules):
    text = answers.read_text().replace('"shape": [2, 3]', '"shape": [1, 2, 3]')
    answers.write_text(text)
    one = verdicts(modules, lstm_cases, answers)["model.onnx"]
    assert not one.wrong and one.reshaped["batch 2"] == "probabilities has 3 axes and not 2"


def test_without_node_and_chromium_their_rows_say_so(root, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    runtimes = ("onnxruntime-node", "chromium-wasm", "mlflow-pyfunc")
    done = run_script("consumers", root, "lstm", "--folder", "out", "--runtimes", *runtimes)
    assert done.returncode == 0, done.stderr
    assert "| onnxruntime-node |  | not tried: `no Node on this machine`" in done.stdout
    assert "Chromium, wasm |  | not tried: `no Chromium on this machine`" in done.stdout
    assert re.search(r"\| lstm \| (0|\d+e-\d+) \|\n", done.stdout)  # MLflow's column alone
    assert "## model-lengths.onnx" not in done.stdout  # which MLflow does not have


def test_a_workspace_without_models_gets_a_line(tmp_path):
    done = run_script("consumers", tmp_path, "--folder", "out")
    assert done.returncode == 1
    assert done.stderr == "no model is exported here: run `make run` first\n"
    done = run_script("consumers", tmp_path, "mnist-lstm", "--folder", "out")
    assert "sightline repro export@mnist-lstm" in done.stderr


def test_no_runtime_can_install_into_this_environment(modules):
    clean = modules("process").CLEAN
    assert str(Path(sys.executable).parent) not in clean["PATH"].split(os.pathsep)
    assert clean["PIP_NO_INDEX"] == "1"


@pytest.mark.slow
def test_runtimes_from_the_registries_answer_as_this_project_does(root, tmp_path):
    """A small part of `make consumers`: what is installed in a minute."""
    runtimes = ["onnxruntime-oldest", "openvino", "opencv-4", "opencv-5", "mlflow-serve"]
    if shutil.which("node") and shutil.which("npm"):
        runtimes += ["onnxruntime-node", "onnxruntime-web-node"]
        if any(map(shutil.which, ("chromium", "google-chrome"))):
            runtimes.append("chromium-wasm")
    done = run_script("consumers", root, "--folder", str(tmp_path), "--runtimes", *runtimes)
    assert done.returncode == 0, done.stderr
    summary = done.stdout.partition("## Runtimes")[2].partition("##")[0]
    rows = {
        cells[0]: cells[1:]
        for line in summary.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7
    }
    right = 3 + OF_LSTM
    for title, (version, *counts) in rows.items():
        if title.startswith(("onnxruntime", "OpenVINO", "OpenCV 5")):
            assert counts[:3] == [str(right), "", ""], (title, done.stdout)
            assert re.match(r"\d+\.\d+", version)
    assert rows["MLflow serve, curl"][1:4] == [str(3 + 6), "", ""]  # it has no file with lengths
    assert rows["OpenCV 4"][1:4] == ["3", "", str(OF_LSTM)]
    assert "angle has 2 axes and not 1" in done.stdout
    assert len(rows) == len(runtimes) + 2  # the head and its rule


def test_expected_values_are_the_sessions_own(lstm_cases):
    expected = np.load(lstm_cases / "expected.npz")
    case = json.loads((lstm_cases / "cases.json").read_text())[0]
    pixels = (lstm_cases / case["inputs"]["images"]["bytes"]).read_bytes()
    images = np.frombuffer(pixels, np.uint8).reshape(case["inputs"]["images"]["shape"])
    session = Session(lstm_cases / case["file"], threads=1)
    np.testing.assert_array_equal(expected["batch 1/logits"], session.run(images)["logits"])
