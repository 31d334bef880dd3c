"""Stores and servers that are away, refuse, or have no room."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import socket
from threading import Thread

import pytest
from census import TITLE, census, client
from requests import Response
from results import make_results

from sightline.errors import SightlineError, TryAgain
from sightline.layout import Layout
from sightline.tracking import connection, store
from sightline.tracking.log import complete, log


def test_tracking_uri_that_is_no_server(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    with pytest.raises(SightlineError, match=r"sqlite:///other.db.* is no server"):
        log("mnist-cnn", make_results(project))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no whole store of MLflow .no such table"),
        (b"SQLite format 3\0" + bytes(5000), "is no whole store of MLflow"),
        (b"<html>" * 1000, "is no whole store of MLflow .file is not a database"),
    ],
)
def test_a_database_that_is_none_is_one_line(project, content, message):
    layout = make_results(project)
    database = store.find(layout).database
    database.parent.mkdir(parents=True, exist_ok=True)
    database.write_bytes(content)
    with pytest.raises(SightlineError, match=f"mlflow.db {message}.*move it away"):
        log("mnist-cnn", layout)
    assert database.read_bytes() == content


@pytest.mark.faults
def test_a_store_is_not_written_to_where_nothing_is_to_be_mended(project):
    where = store.find(make_results(project))
    log("mnist-cnn", Layout(project))
    with closing(sqlite3.connect(where.database)) as other:
        other.execute("BEGIN IMMEDIATE")  # another process holds it
        where.relocate()
        assert len(where.complete()) == 1


@pytest.mark.faults
def test_the_default_store_may_be_named_and_through_a_link(project, tmp_path, monkeypatch):
    link = tmp_path / "link"
    link.symlink_to(project)
    default = store.find(Layout(project))
    for root in (project, link):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/.sightline/mlflow/mlflow.db")
        assert store.find(Layout(project)) == default
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SightlineError, match=r"cannot open a database with a \? in its path"):
        store.find(Layout(tmp_path / "what?"))


@pytest.mark.faults
@pytest.mark.parametrize(("status", "kind"), [(413, SightlineError), (503, TryAgain)])
def test_an_artifact_that_a_server_refuses_is_one_line(project, status, kind):
    answer = Response()
    answer.status_code, answer.url = status, "http://me:s3cret@host/artifacts"
    with (
        pytest.raises(kind, match=r"did not take a file: .*run `sightline log`") as caught,
        connection.connected(store.find(Layout(project))),
    ):
        answer.raise_for_status()
    assert type(caught.value) is kind and "s3cret" not in str(caught.value)


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
    assert not (project / "logged/mnist-cnn.json").exists()


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


class _Old(_Refuses):
    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200 if self.path == "/version" else 404)
        self.end_headers()
        self.wfile.write(b"2.22.1")

    do_POST = do_GET


@pytest.mark.faults
def test_a_server_of_version_2_is_told_of_no_run(project, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), _Old) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(SightlineError, match=r"is MLflow 2.22.1.*nothing was written"):
            log("mnist-cnn", make_results(project))
        server.shutdown()
    assert set(_Old.asked) == {"/version"}


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
    assert not (project / "logged/mnist-cnn.json").exists()
