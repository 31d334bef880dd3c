"""`sightline benchmark` as a whole, on real exported models, without Prefect."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml
from measurable import slowed
from PIL import Image
from support import change

from sightline import cli
from sightline.benchmark import environment, pictures, records, run, summary
from sightline.errors import SightlineError
from sightline.host import processors
from sightline.layout import Layout
from sightline.settings import params


@pytest.fixture(scope="module")
def measured(exported, tmp_path_factory) -> tuple[Layout, dict]:
    """The workspace after the cnn was measured, and its record; not to be changed."""
    root = tmp_path_factory.mktemp("measured") / "workspace"
    shutil.copytree(exported, root)
    layout = Layout(root)
    settings = params.load(layout)
    (key,) = run.due(["cnn"], layout, settings).values()
    return layout, run.measure("cnn", layout, settings, key)


def copied(measured, root: Path) -> Layout:
    shutil.copytree(measured[0].root, root)
    return Layout(root)


def cut(path: Path) -> None:
    """Leave half of a file, as a full disk or a copy that was broken off does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def due(layout: Layout, *names: str, force: bool = False) -> list[str]:
    return list(run.due(names, layout, params.load(layout), force))


def test_a_record_holds_all_scenarios_with_torch_beside_them(measured):
    _, record = measured
    seen = {(f["contender"], f["scenario"], f["batch"], f["threads"]) for f in record["figures"]}
    scenarios = [("single-stream", 1), ("multi-stream", 8), ("offline", 4), ("offline", 16)]
    assert seen == {(c, s, b, 1) for c in ("fp32", "int8", "torch") for s, b in scenarios}
    for figure in record["figures"]:
        assert figure["calls"] * figure["batch"] == figure["samples"]
        assert figure["min_ms"] <= figure["p50_ms"] <= figure["p90_ms"] <= figure["p95_ms"]
        assert figure["p95_ms"] <= figure["max_ms"] and figure["p99_ms"] is None
        calls = -(-64 // figure["batch"]) if figure["scenario"] == "offline" else 40
        assert (figure["ended_by"] == "samples") == (figure["calls"] == calls)
    assert [(r["level"], r["batch"]) for r in record["levels"]] == [
        (level, batch) for batch in (1, 8) for level in ("none", "basic", "extended", "all")
    ]
    assert abs(record["overhead_microseconds"]) < 200
    assert record["joules"] is None or record["joules"] > 0
    assert record["environment"]["provider"] == "CPUExecutionProvider"
    assert record["environment"]["versions"]["onnxruntime"]
    assert json.loads(Path(record["path"]).read_text()) | {"path": record["path"]} == record


def measure_beside(measured, root: Path, *names: str) -> set[str]:
    """Measure the cnn with more contenders; return the names of all, those of the tables last."""
    layout = copied(measured, root)
    change(layout, "benchmark.beside", list(names))
    settings = params.load(layout)
    (key,) = run.due(["cnn"], layout, settings).values()
    record = run.measure("cnn", layout, settings, key)
    assert max(map(len, summary.text([record]).splitlines())) <= 200
    assert pictures.write([record], root / "pictures")
    return {figure["contender"] for figure in record["figures"]}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_torch_compile_is_measured_where_it_is_asked_for(measured, tmp_path):
    names = measure_beside(measured, tmp_path / "it", "torch-compile")
    assert names == {"fp32", "int8", "torch", "torch-compile"}


@pytest.mark.skipif(not find_spec("openvino"), reason="OpenVINO is not installed")
def test_openvino_is_measured_where_it_is_asked_for(measured, tmp_path):
    assert "openvino" in measure_beside(measured, tmp_path / "it", "openvino")


@pytest.mark.skipif(find_spec("openvino") is not None, reason="OpenVINO is installed")
def test_openvino_is_asked_for_and_missing(measured, tmp_path):
    with pytest.raises(SightlineError, match=r"benchmark\.beside names openvino, which is not"):
        measure_beside(measured, tmp_path / "it", "openvino")


def test_raw_values_are_kept_and_are_what_the_figures_are_of(measured):
    layout, record = measured
    raw = records.raw(layout, record)
    assert len(raw) == len(record["figures"])
    for figure in record["figures"]:
        name = "{contender}/{scenario}/batch {batch}/threads {threads}".format(**figure)
        assert len(raw[name].milliseconds) == figure["calls"] == raw[name].rounds.sum()
        assert np.median(raw[name].milliseconds) == pytest.approx(figure["p50_ms"], rel=1e-3)


def test_accuracy_is_that_of_the_very_file(measured):
    layout, record = measured
    fp32 = record["variants"]["fp32"]
    assert fp32["sha256"] == records.sha256(layout.model("cnn").onnx)
    metrics = json.loads(layout.results("cnn").figures.read_text())
    assert fp32["test_top1"] == pytest.approx(metrics["test"]["top1"], abs=1e-6)
    assert fp32["val_top1"] == pytest.approx(metrics["val"]["top1"], abs=1e-6)
    assert fp32["against_torch"]["same_choice"] == 1
    assert fp32["against_torch"]["max_difference"] < 1e-4
    cold = fp32["cold_start"]
    assert cold["import_seconds"] > 0.01 and cold["open_seconds"] > 0
    assert 20e6 < cold["peak_bytes_first"] <= cold["peak_bytes"] < 500e6


def test_the_int8_file_is_there_if_and_only_if_it_was_accepted(measured):
    layout, record = measured
    int8 = record["variants"]["int8"]
    path = layout.benchmarks.int8("cnn")
    assert int8["accepted"] == path.exists() == (int8["why_not"] is None)
    if int8["accepted"]:
        assert records.sha256(path) == int8["sha256"]


def test_only_what_has_no_record_is_due(measured, tmp_path, monkeypatch):
    layout = copied(measured, tmp_path / "workspace")
    assert due(layout) == ["lstm", "gru"]
    assert due(layout, "cnn") == ["cnn"], "named: again"
    assert due(layout, force=True) == ["cnn", "lstm", "gru"]
    with monkeypatch.context() as other:
        other.setattr(environment, "versions", lambda: {"onnxruntime": "99"})
        assert due(layout) == ["cnn", "lstm", "gru"]
    with monkeypatch.context() as other:
        other.setattr(processors, "processor", lambda: "another")
        assert due(layout) == ["cnn", "lstm", "gru"]
    file = layout.model("cnn").onnx
    file.write_bytes((layout.model("lstm").onnx).read_bytes())
    (layout.model("gru").onnx).unlink()
    assert due(layout) == ["cnn", "lstm"]


def test_the_command_prints_tables_and_a_gru_says_why_it_has_no_int8(workspace, capsys):
    assert cli.main(["benchmark", "gru"]) == 0
    output = capsys.readouterr().out
    assert "| gru   | fp32        |" in output and "| gru   | torch eager" in output
    assert "gru: int8 variant: none: onnxruntime has no int8 kernel for GRU" in output
    assert "NOT real" in output
    (record,) = records.read_all(workspace, "gru")
    assert record["variants"]["int8"] == {
        "accepted": False,
        "why_not": "onnxruntime has no int8 kernel for GRU",
    }
    assert not (workspace.benchmarks.int8("gru")).exists()


def test_a_model_that_became_slower_fails_the_command_after_all_is_written(
    measured, tmp_path, monkeypatch, capsys
):
    layout = copied(measured, tmp_path / "workspace")
    monkeypatch.chdir(layout.root)
    (old,) = records.read_all(layout, "cnn")
    slowed(old, 1000)
    assert cli.main(["benchmark", "cnn"]) == 1
    output = capsys.readouterr()
    assert (
        f"sightline: cnn is slower than in {Path(old['path']).stem} (the same file)" in output.err
    )
    assert "**regression**: cnn is slower" in output.out
    kept = records.read_all(layout, "cnn")
    assert len(kept) == 2 and kept[-1]["regression"]["verdict"] == "slower"


@pytest.mark.parametrize("harm", [Path.unlink, cut])
def test_lost_raw_values_of_the_last_record_cost_the_comparison_and_no_more(
    measured, tmp_path, monkeypatch, caplog, harm
):
    layout = copied(measured, tmp_path / "workspace")
    monkeypatch.chdir(layout.root)
    (old,) = records.read_all(layout, "cnn")
    harm(records.raw_file(old["path"]))
    assert cli.main(["benchmark", "cnn"]) == 0
    (line,) = [line for line in caplog.messages if "not compared with its last record" in line]
    assert line.startswith("cnn: ") and Path(old["path"]).stem in line
    assert [record["regression"] for record in records.read_all(layout, "cnn")] == [None, None]


def test_a_comparison_that_fails_costs_no_measurement(measured, tmp_path, monkeypatch):
    layout = copied(measured, tmp_path / "workspace")
    monkeypatch.setattr(run.regression, "compare", lambda *_: 1 / 0)
    settings = params.load(layout)
    (key,) = run.due(["cnn"], layout, settings).values()
    with pytest.raises(ZeroDivisionError):
        run.measure("cnn", layout, settings, key)
    kept = records.read_all(layout, "cnn")
    assert len(kept) == 2 and kept[-1]["regression"] is None
    assert len(records.raw(layout, kept[-1])) == len(kept[-1]["figures"])


def test_a_profile_names_the_dearest_nodes_and_records_nothing(workspace, capsys):
    assert cli.main(["benchmark", "lstm", "--profile"]) == 0
    output = capsys.readouterr().out
    rows = [line.split("|")[1:-1] for line in output.splitlines() if line.startswith("| ")][2:]
    assert output.startswith("## lstm") and 5 <= len(rows) <= 10
    assert "LSTM" in {row[1].strip() for row in rows}
    taken = [float(row[2]) for row in rows]
    assert taken == sorted(taken, reverse=True) and taken[0] > 0
    assert not records.read_all(workspace, "lstm")


def test_a_mistake_is_an_error_of_one_line(workspace, capsys):
    assert cli.main(["benchmark", "cn"]) == 1
    assert "no model 'cn' under models: in params.yaml: did you mean 'cnn'?" in (
        capsys.readouterr().err
    )
    workspace.model("cnn").onnx.unlink()
    assert cli.main(["benchmark", "cnn"]) == 1
    assert "run `dvc repro export@cnn` first" in capsys.readouterr().err
    settings = yaml.safe_load(workspace.params.read_text())
    settings["benchmark"]["provider"] = "cuda"
    workspace.params.write_text(yaml.safe_dump(settings))
    assert cli.main(["benchmark", "lstm"]) == 1
    assert "benchmark.provider is cuda, but" in capsys.readouterr().err
    settings["benchmark"]["threads"] = [0]
    workspace.params.write_text(yaml.safe_dump(settings))
    assert cli.main(["benchmark", "lstm"]) == 1
    assert "benchmark.threads.0" in capsys.readouterr().err


def test_nothing_exported_names_the_next_step(workspace):
    for name in ("cnn", "lstm", "gru"):
        workspace.model(name).onnx.unlink()
    with pytest.raises(SightlineError, match="run `dvc repro export` first"):
        run.benchmark([], workspace)


def test_there_are_two_pictures_of_a_dataset_and_task(measured, tmp_path):
    _, record = measured
    paths = pictures.write([record], tmp_path)
    names = ["sample-bars-latency.png", "sample-bars-classify.png"]
    assert [path.name for path in paths] == names
    for path in paths:
        with Image.open(path) as picture:
            assert picture.size[0] > 500 and len(picture.convert("L").getcolors()) > 10
    assert "| p99 MLPerf |" in summary.text([record])


def test_no_table_is_wider_than_120_columns(measured):
    _, record = measured
    rejected = record["variants"] | {"int8": record["variants"]["int8"] | {"accepted": False}}
    rejected["int8"].setdefault("why_not", "it is no faster")
    model = record["model"] | {"name": "fashion-mnist-lstm-next-row"}
    slow = [figure | {"p99_ms": 1234.567, "calls": 100000} for figure in record["figures"]]
    text = summary.text([record | {"model": model, "figures": slow, "variants": rejected}])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert "int8 (rejected)" in text and max(map(len, rows)) <= 120


def test_the_pareto_front_is_what_nothing_beats():
    values = [(1.0, 0.9), (2.0, 0.95), (3.0, 0.94), (1.5, 0.8), (2.0, 0.95), (0.5, 0.5)]
    points = dict(zip("abcdef", values, strict=True))
    assert pictures.pareto(points, higher_is_better=True) == ["f", "a", "b", "e"]
    errors = {name: (latency, 1 - value) for name, (latency, value) in points.items()}
    assert pictures.pareto(errors, higher_is_better=False) == ["f", "a", "b", "e"]
