import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from results import make_results

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tracking import store, ui
from sightline.tracking.log import complete


def test_port_that_is_taken(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SightlineError, match=rf"port {port} .*sightline ui --port {port + 1}"):
            ui.serve(Layout(tmp_path), port)
    assert not (tmp_path / ".sightline").exists()


def test_a_server_has_its_own_ui(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    ui.serve(Layout(tmp_path), 5000)
    assert "http://mlflow.example:5000" in capsys.readouterr().out


@pytest.mark.slow
def test_ui_of_a_project_that_was_moved(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after wards"
    complete(make_results(before, "mnist-cnn"))
    make_results(before, "mnist-lstm")  # its run is still to be written
    shutil.move(before, after)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sightline.cli", "ui", "--port", str(port)]
    server = subprocess.Popen(command, cwd=after, stdout=subprocess.PIPE, text=True)
    try:
        assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
        get(f"http://127.0.0.1:{port}/health")
        for run_id in run_ids(after):
            picture = f"run_uuid={run_id}&path={quote('pictures/confusion.png')}"
            assert get(f"http://127.0.0.1:{port}/get-artifact?{picture}").startswith(b"\x89PNG")
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) is not None
    with pytest.raises(URLError):  # nothing that it started is left
        urlopen(f"http://127.0.0.1:{port}/health", timeout=5)


def run_ids(root: Path) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(store.find(Layout(root)).uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids)
    assert {run.info.run_name for run in runs} == {"mnist-cnn", "mnist-lstm"}
    return [run.info.run_id for run in runs]


def get(url: str, seconds: float = 240) -> bytes:
    end = time.monotonic() + seconds
    while True:
        try:
            return urlopen(url, timeout=10).read()
        except (URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)
