"""`make up` and `make down`: everything starts, on 127.0.0.1 alone; nothing stays."""

import http.server
import socket
import subprocess
import sys
import threading

import httpx
import psutil
import pytest
from toy_project import free_port, tool_environment, wait_until

from flows import services
from sightline.errors import SightlineError


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_up_runs_a_deployment_and_down_leaves_nothing(toy):
    ports = free_port(), free_port()
    try:
        said = toy.shell(
            "sightline", "up", "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1])
        )
        for port in ports:
            assert f"http://127.0.0.1:{port}" in said
        assert {role for _, role in services.running(toy.root)} == {
            "server",
            "worker-cpu",
            "mlflow",
        }
        mine = {process.pid for process, _ in services.running(toy.root)}
        listening = [
            c.laddr.ip for c in psutil.net_connections() if c.pid in mine and c.status == "LISTEN"
        ]
        assert set(listening) == {"127.0.0.1"}
        again = toy.shell(
            "sightline", "up", "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1])
        )
        assert again == said, "a second `make up` finds all running"
        assert {process.pid for process, _ in services.running(toy.root)} >= mine
        toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
        toy.demand("train@x", sleep=600)
        env = services.environment(toy.root, ports[0])
        subprocess.run(["prefect", "deployment", "run", "reproduce/now"], env=env, check=True)
        wait_until(lambda: toy.runs("train@x"), "train@x at work")
    finally:
        toy.shell("sightline", "down")
    assert services.running(toy.root) == []
    assert toy.survivors() == []
    for port in ports:
        services.check_free(port, "prefect")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_where_mlflow_has_a_server_no_other_is_started(toy, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    try:
        said = toy.shell("sightline", "up", "--prefect-port", str(free_port()))
        assert "MLflow   http://mlflow.example:5000 " in said
        assert set(services.ports(toy.root)) == {"server", "worker-cpu"}
    finally:
        services.down(toy.root)


def test_what_runs_on_another_port_is_said_at_once(tmp_path):
    for role, port, asked in (
        ("server", 4200, {"prefect_port": 4300, "mlflow_port": 5000}),
        ("mlflow", 5000, {"prefect_port": 4200, "mlflow_port": 5300}),
    ):
        env = services.environment(tmp_path, port)
        process = services.start(tmp_path, env, role, ["sleep", "600"])
        try:
            said = f"{role} runs on port {port}, not on {port + 100 if role == 'server' else 5300}"
            with pytest.raises(SightlineError, match=f"{said}: `make down` first"):
                services.up(tmp_path, **asked)
            assert [found.pid for found, _ in services.running(tmp_path)] == [process.pid]
        finally:
            services.down(tmp_path)
            process.wait()


def test_a_page_of_another_origin_may_not_use_the_api(server):
    def preflight(origin: str) -> httpx.Response:
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        asks["Access-Control-Request-Headers"] = "content-type"
        return httpx.options(f"{server.env['PREFECT_API_URL']}/deployments/", headers=asks)

    refused = preflight("http://pages.example")
    assert (refused.status_code, refused.text) == (400, "Disallowed CORS origin")
    assert "access-control-allow-origin" not in refused.headers
    for host in ("127.0.0.1", "localhost"):
        own = f"http://{host}:{server.port}"
        assert preflight(own).headers["access-control-allow-origin"] == own
    # no content type, no preflight; and Prefect reads such a body as JSON
    flow = httpx.post(f"{server.env['PREFECT_API_URL']}/flows/", content='{"name": "foreign"}')
    assert (flow.status_code, flow.json()["detail"]) == (403, "Missing CSRF token.")


def test_no_proxy_stands_between_the_services(tmp_path, monkeypatch):
    listener = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler
    )
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{listener.server_port}/"
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    try:
        services.wait_for(tmp_path, "server", url)
        ask = f"import httpx; httpx.get({url!r}).raise_for_status()"
        env = services.environment(tmp_path, 1)
        subprocess.run([sys.executable, "-c", ask], env=env, check=True)
    finally:
        listener.shutdown()
    for before, after in (("intern", "intern,127.0.0.1,localhost"), ("*", "*")):
        monkeypatch.setenv("NO_PROXY", before)
        assert services.environment(tmp_path, 1)["no_proxy"] == after


def test_a_server_too_busy_to_answer_is_said_in_a_line():
    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(503)

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    api = f"http://127.0.0.1:{listener.server_port}/api"
    try:
        with pytest.raises(SightlineError, match=r"not answer /automations.*503.*`make up` again"):
            services._post(api, "/automations/filter", {})
    finally:
        listener.shutdown()


def test_a_port_that_is_taken_is_said(toy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            ["sightline", "up", "--prefect-port", str(port)],
            cwd=toy.root, env=tool_environment(), capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"make up PREFECT_PORT={port + 1}" in done.stderr
    assert services.running(toy.root) == []


def test_a_service_that_ends_at_once_is_said_with_its_last_line(tmp_path):
    env = services.environment(tmp_path, 1)
    services.start(tmp_path, env, "server", ["sh", "-c", "echo no such database; exit 1"])
    with pytest.raises(SightlineError, match="server did not come up: no such database"):
        services.wait_for(tmp_path, "server", "http://127.0.0.1:1/")
