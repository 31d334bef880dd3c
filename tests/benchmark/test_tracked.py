"""Records in MLflow: on the model's run, once, and completed later where that was missing."""

from pathlib import Path

import numpy as np
import pytest
from results import make_results

from sightline.benchmark import records, tracked
from sightline.benchmark.scenarios import Timing
from sightline.layout import Layout
from sightline.tracking import store
from sightline.tracking.log import log


def measurement(layout: Layout, time: str = "2026-01-01T00:00:00+00:00", p50: float = 0.2) -> dict:
    figure = {"contender": "fp32", "scenario": "single-stream", "batch": 1, "threads": 1}
    figure |= {"calls": 3, "p50_ms": p50, "p90_ms": 0.3, "p99_ms": None}
    offline = figure | {"scenario": "offline", "batch": 8, "images_per_second": 1000.0}
    cold = {"import_seconds": 0.25, "open_seconds": 0.5, "first_answer_seconds": 0.25}
    record = {
        "format": records.FORMAT,
        "key": {"machine": "abcd1234"},
        "model": {"name": "mnist-cnn"},
        "environment": {"time": time, "machine": {"id": "abcd1234"}},
        "figures": [figure, offline, offline | {"batch": 16, "images_per_second": 3000.0}],
        "variants": {
            "fp32": {"cold_start": cold | {"peak_bytes": 6e7}},
            "int8": {"accepted": False},
        },
    }
    values = Timing(np.array([0.1, 0.2, 0.3], np.float32), np.array([3], np.int32))
    path = records.write(layout, record, {"fp32/single-stream/batch 1/threads 1": values})
    return record | {"path": str(path)}


def run_of(layout: Layout):
    from mlflow import MlflowClient

    client = MlflowClient(store.find(layout).uri)
    experiment = client.get_experiment_by_name("sample-mnist-classify")
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


@pytest.fixture
def layout(tmp_path, monkeypatch) -> Layout:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return make_results(tmp_path)


def test_a_record_is_added_to_the_run_once_and_the_next_one_after_it(layout, caplog):
    first = measurement(layout)
    tracked.complete([first], layout)
    assert "mnist-cnn is not in MLflow yet" in caplog.text

    log("mnist-cnn", layout)
    for _ in range(2):
        tracked.complete([first], layout)
    client, run = run_of(layout)
    assert run.data.metrics["benchmark.abcd1234.fp32.1-threads.single-stream_p50_ms"] == 0.2
    assert run.data.metrics["benchmark.abcd1234.fp32.1-threads.offline_images_per_second"] == 3000
    assert run.data.metrics["benchmark.abcd1234.fp32.cold_start_seconds"] == 1.0
    assert not [name for name in run.data.metrics if name.endswith("p99_ms")]
    key = "benchmark.abcd1234.fp32.1-threads.single-stream_p50_ms"
    assert len(client.get_metric_history(run.info.run_id, key)) == 1

    second = measurement(layout, "2026-02-01T00:00:00+00:00", p50=0.1)
    tracked.complete([second], layout)
    history = client.get_metric_history(run.info.run_id, key)
    assert [point.value for point in history] == [0.2, 0.1]
    files = client.list_artifacts(run.info.run_id, "benchmark/abcd1234")
    assert sorted(file.path.rsplit("/", 1)[1] for file in files) == [
        f"2026{month}01T000000-abcd1234.{kind}"
        for month in ("01", "02")
        for kind in ("json", "npz")
    ]

    third = measurement(layout, "2026-03-01T00:00:00+00:00")
    records.raw_file(third["path"]).unlink()
    tracked.complete([third], layout)
    files = client.list_artifacts(run.info.run_id, "benchmark/abcd1234")
    assert [Path(file.path).suffix for file in files if "202603" in file.path] == [".json"]


def test_a_model_that_is_not_the_one_of_dvc_lock_is_named_and_left_out(layout, caplog):
    layout.model("mnist-cnn").onnx.write_bytes(b"another")
    tracked.complete([measurement(layout)], layout)
    assert "not in MLflow: mnist-cnn is not logged: models/mnist-cnn" in caplog.text
    assert not store.find(layout).database.exists()
