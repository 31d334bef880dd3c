"""Stores and servers that are away, refuse, or have no room."""

import os
import resource
import shutil
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import socket
from threading import Thread

import pytest
from census import TITLE, census, client
from results import make_results

from sightline.errors import SightlineError, TryAgain
from sightline.layout import Layout
from sightline.tracking import connection, store
from sightline.tracking.log import complete, log


def test_tracking_uri_that_is_no_server(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    with pytest.raises(SightlineError, match=r"sqlite:///other.db.* is no server"):
        log("mnist-cnn", make_results(project))


def free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_server_that_is_not_there(project, monkeypatch):
    uri = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    layout, started = make_results(project), time.monotonic()
    with pytest.raises(TryAgain, match=f"{uri} did not take the run.*run `sightline log`"):
        log("mnist-cnn", layout)
    assert time.monotonic() - started < 20
    assert not (project / "reports/mnist-cnn/logged.json").exists()


def test_server_that_says_nothing(project, monkeypatch):
    monkeypatch.setattr(connection, "SETTINGS", connection.SETTINGS)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")  # 15 s where nobody sets it
    with socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(TryAgain, match="did not take the run"):
            log("mnist-cnn", make_results(project))


class _Refuses(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(403)
        self.end_headers()
        self.wfile.write(b"Invalid Host header")

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_server_that_refuses(project, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), _Refuses) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(SightlineError, match=r"403.*Invalid Host header") as caught:
            log("mnist-cnn", make_results(project))
        assert not isinstance(caught.value, TryAgain)  # trying again would not help
        assert "\n" not in str(caught.value)
        server.shutdown()


@pytest.mark.slow
def test_server_that_comes_up_later(tmp_path, project, monkeypatch):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    make_results(project, "mnist-cnn")
    layout = make_results(project, "mnist-lstm", val_top1=0.95)
    with pytest.raises(TryAgain):
        log("mnist-cnn", layout)
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    del environment["MLFLOW_TRACKING_URI"]
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        try:
            wait_for(f"{uri}/health")
            complete(layout)
            before = census(client(server=uri))
            assert [name for name, _ in before["runs"]] == ["mnist-cnn", "mnist-lstm"]
            log("mnist-cnn", layout)
            complete(layout)
            assert census(client(server=uri)) == before
            assert client(server=uri).get_registered_model(TITLE).aliases == {"champion": "2"}
        finally:
            server.terminate()
    assert census(client_of_default(project))["runs"] == []


def client_of_default(root: Path):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{store.find(Layout(root)).database.resolve()}")


def wait_for(url: str, seconds: float = 240) -> bytes:
    from urllib.error import URLError
    from urllib.request import urlopen

    end = time.monotonic() + seconds
    while True:
        try:
            return urlopen(url, timeout=5).read()
        except (URLError, ConnectionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def _log_without_room(name: str, layout: Layout) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))  # bytes in a file
    with pytest.raises(SightlineError, match=r"mlflow.db: disk I/O error: when that is mended"):
        log(name, layout)


def test_a_store_that_there_is_no_room_for(project, processes):
    layout = make_results(project)
    shutil.rmtree(project / ".sightline")
    child = processes.Process(target=_log_without_room, args=("mnist-cnn", layout))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not (project / ".sightline" / "mlflow" / "mlflow.db").exists()
    assert not (project / "reports/mnist-cnn/logged.json").exists()
