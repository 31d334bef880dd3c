"""Flows that a person runs in a terminal: what is printed, and what is not."""

import http.server
import os
import subprocess
import sys
import threading

import pytest
from toy_project import PROJECT, free_port

pytestmark = pytest.mark.faults

SECRETS = {
    "MLFLOW_TRACKING_URI": "http://me:planted-tracking@127.0.0.1:9",
    "MLFLOW_TRACKING_TOKEN": "planted-token",
    "AWS_SECRET_ACCESS_KEY": "planted-storage-key",
}


def by_hand(folder, **environment: str) -> subprocess.CompletedProcess:
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "src")])
    return subprocess.run(
        [sys.executable, "-m", "flows.reproduce"], cwd=folder, text=True, timeout=300,
        env={**os.environ, **environment, "PYTHONPATH": paths}, capture_output=True,
    )  # fmt: skip


def test_an_address_where_nobody_listens_is_one_line(tmp_path):
    done = by_hand(tmp_path, PREFECT_API_URL=f"http://me:planted@127.0.0.1:{free_port()}/api")
    assert done.returncode == 75
    (line,) = done.stderr.strip().splitlines()
    assert "Failed to reach API" in line and "`make up` starts a server" in line
    assert "planted" not in done.stdout + done.stderr


@pytest.mark.parametrize("status", [500, 429])
def test_a_server_at_fault_is_one_line(tmp_path, status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listener.server_port}/api"
        done = by_hand(tmp_path, PREFECT_API_URL=url, PREFECT_CLIENT_MAX_RETRIES="0")
        listener.shutdown()
    assert done.returncode == 75
    assert f"Prefect: {url}: " in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_a_flow_that_fails_for_a_reason_of_ours_ends_in_its_line(server, tmp_path):
    done = by_hand(tmp_path, **server.env)
    assert done.returncode == 1
    assert "params.yaml: no such file" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_secrets_of_the_environment_and_of_a_stage_are_written_nowhere(toy, server, told):
    """Not into the terminal, Prefect's database, the logs of stages or a post to strangers."""
    says = " ".join(f"{name} {value}" for name, value in SECRETS.items())
    toy.demand("train@x", say=f"ConnectionError: {says} http://host/?api_key=planted-in-query")
    toy.demand("train@x", fail="1")
    toy.invalidate("train@x")
    notify = f"{os.environ['SIGHTLINE_NOTIFY_URL']}planted-path"
    done = by_hand(toy.root, **server.env, **SECRETS, SIGHTLINE_NOTIFY_URL=notify)
    printed = done.stdout + done.stderr
    assert done.returncode == 1 and "train@x was told to fail" in printed
    assert "ConnectionError: " in printed, "what the stage said is there, but for its secrets"
    assert "planted" not in printed
    (post,) = told
    assert "train@x was told to fail" in post["text"] and "planted" not in post["text"]
    demands = toy.root / ".sightline" / "toy"
    for folder in (toy.root / ".sightline", server.root):
        for file in folder.rglob("*"):
            if file.is_file() and demands not in file.parents:
                assert b"planted" not in file.read_bytes(), file
