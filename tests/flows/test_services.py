"""`make up` and `make down`: everything starts, on 127.0.0.1 alone; nothing stays."""

import http.server
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from toy_project import Server, free_port, tool_environment, wait_until

from flows.services import lifecycle, processes
from flows.services.environment import environment
from sightline.errors import SightlineError
from sightline.tracking import ui

UP = (sys.executable, "-m", "flows.services", "up")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_up_runs_a_deployment_and_down_leaves_nothing(toy):
    ports = free_port(), free_port()
    try:
        printed = toy.shell(*UP, "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1]))
        assert f"http://127.0.0.1:{ports[0]}" in printed and ui.page(ports[1]) in printed
        assert {role for _, role in processes.running(toy.root)} == {
            "server",
            "worker-cpu",
            "mlflow",
        }
        mine = {process.pid for process, _ in processes.running(toy.root)}
        listening = [
            c.laddr.ip for c in psutil.net_connections() if c.pid in mine and c.status == "LISTEN"
        ]
        assert set(listening) == {"127.0.0.1"}
        again = toy.shell(*UP, "--prefect-port", str(ports[0]), "--mlflow-port", str(ports[1]))
        assert again == printed, "a second `make up` finds all running"
        assert {process.pid for process, _ in processes.running(toy.root)} >= mine
        toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
        toy.demand("train@x", sleep=600)
        env = environment(toy.root, ports[0])
        subprocess.run(["prefect", "deployment", "run", "reproduce/now"], env=env, check=True)
        wait_until(lambda: toy.runs("train@x"), "train@x at work")
    finally:
        toy.shell(sys.executable, "-m", "flows.services", "down")
    assert processes.running(toy.root) == []
    assert toy.survivors() == []
    for port in ports:
        processes.check_free(port, "prefect")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_where_mlflow_has_a_server_no_other_is_started(toy, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    try:
        printed = toy.shell(*UP, "--prefect-port", str(free_port()))
        assert "MLflow   http://mlflow.example:5000 " in printed
        assert set(processes.ports(toy.root)) == {"server", "worker-cpu"}
    finally:
        lifecycle.down(toy.root)


def test_what_runs_on_another_port_is_an_error_at_once(tmp_path):
    for role, port, asked in (
        ("server", 4200, {"prefect_port": 4300, "mlflow_port": 5000}),
        ("mlflow", 5000, {"prefect_port": 4200, "mlflow_port": 5300}),
    ):
        env = environment(tmp_path, port)
        process = processes.start(tmp_path, env, role, ["sleep", "600"])
        try:
            message = (
                f"{role} runs on port {port}, not on {port + 100 if role == 'server' else 5300}"
            )
            with pytest.raises(SightlineError, match=f"{message}: `make down` first"):
                lifecycle.up(tmp_path, **asked)
            assert [p.pid for p, _ in processes.running(tmp_path)] == [process.pid]
        finally:
            lifecycle.down(tmp_path)
            process.wait()


def test_waiting_says_for_what_and_down_says_what_it_ends(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(processes, "PATIENCE", 0)
    env = environment(tmp_path, 1)
    process = processes.start(tmp_path, env, "server", ["sh", "-c", "echo migrating; sleep 2"])
    with pytest.raises(SightlineError, match="server did not come up: migrating"):
        processes.wait_for(tmp_path, "server", f"http://127.0.0.1:{free_port()}/")
    told = capsys.readouterr().err.splitlines()
    assert told and all(line.startswith("waiting for the server, ") for line in told)
    assert told[-1].endswith(" s so far; its log: migrating")
    process.wait()
    process = processes.start(tmp_path, env, "server", ["sleep", "600"])
    wait_until(lambda: processes.running(tmp_path), "the process")
    lifecycle.down(tmp_path)
    process.wait()
    lifecycle.down(tmp_path)
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "ending server",
        "all ended; `make up` starts them again",
        "nothing runs here",
    ]
    assert printed.out == ""


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
        processes.wait_for(tmp_path, "server", url)
        ask = f"import httpx; httpx.get({url!r}).raise_for_status()"
        env = environment(tmp_path, 1)
        subprocess.run([sys.executable, "-c", ask], env=env, check=True)
    finally:
        listener.shutdown()
    for before, after in (("intern", "intern,127.0.0.1,localhost"), ("*", "*")):
        monkeypatch.setenv("NO_PROXY", before)
        assert environment(tmp_path, 1)["no_proxy"] == after


def test_a_server_too_busy_to_answer_is_an_error_of_one_line(toy):
    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(503)

        do_POST = do_GET

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    env = environment(toy.root, listener.server_port) | {"PREFECT_CLIENT_MAX_RETRIES": "0"}
    try:
        with pytest.raises(SightlineError, match=r"does not take it: .*503.*`make up` again"):
            lifecycle.register(toy.root, env)
    finally:
        listener.shutdown()


def test_a_server_with_a_password_takes_what_is_registered_and_its_edits(toy):
    """docs/scaling.md tells people to set the password; edits must reach a server that has run."""
    server = Server(toy.root, free_port())
    server.env |= {
        "PREFECT_SERVER_API_AUTH_STRING": "somebody:secret",
        "PREFECT_API_AUTH_STRING": "somebody:secret",
    }
    server.api.auth = ("somebody", "secret")

    def deployments() -> set[str]:
        return {deployment["name"] for deployment in server.post("/deployments/filter")}

    def crashed() -> dict:
        (automation,) = [a for a in server.post("/automations/filter") if a["name"] == "crashed"]
        return automation

    try:
        server.start()
        server.deploy(toy)
        assert deployments() == {"nightly", "now", "weekly", "gpu"}
        before = crashed()
        server.deploy(toy)
        assert crashed() == before, "what is equal is left alone"

        edit(toy.root / "prefect.yaml", lambda file: file["deployments"].pop(0))
        edit(
            toy.root / "automations.yaml",
            lambda file: file["automations"][0]["trigger"].update(within=200),
        )
        server.deploy(toy)
        assert deployments() == {"now", "weekly", "gpu"}, "its schedule would go on"
        assert (crashed()["id"], crashed()["trigger"]["within"]) == (before["id"], 200)
    finally:
        server.stop()


def edit(path: Path, change) -> None:
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def test_prefect_knows_the_settings_that_keep_its_database_small(tmp_path):
    ask = (
        "from prefect.settings import get_current_settings as now; server = now().server;"
        "vacuum = server.services.db_vacuum;"
        "print(server.events.retention_period.days, *vacuum.enabled,"
        " vacuum.event_retention_overrides['prefect.flow-run.heartbeat'].days)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask], env=environment(tmp_path, 1), capture_output=True, text=True
    )
    assert answer.stdout.split() == ["7", "events", "1"], answer.stderr


def test_a_port_that_is_taken_is_an_error(toy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*UP, "--prefect-port", str(port)],
            cwd=toy.root, env=tool_environment(), capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"make up PREFECT_PORT={port + 1}" in done.stderr
    assert processes.running(toy.root) == []


def test_a_service_that_ends_at_once_is_an_error_with_its_last_line(tmp_path):
    env = environment(tmp_path, 1)
    processes.start(tmp_path, env, "server", ["sh", "-c", "echo no such database; exit 1"])
    with pytest.raises(SightlineError, match="server did not come up: no such database"):
        processes.wait_for(tmp_path, "server", "http://127.0.0.1:1/")


@pytest.mark.faults
def test_two_make_up_at_once_come_one_after_the_other(tmp_path, monkeypatch, capsys):
    events, both_started = [], threading.Event()

    def starting(root, prefect_port, mlflow_port):
        events.append(("began", prefect_port))
        both_started.wait(10)
        events.append(("ended", prefect_port))

    monkeypatch.setattr(lifecycle, "_up", starting)
    first = threading.Thread(target=lifecycle.up, args=(tmp_path, 1, 5000))
    first.start()
    wait_until(lambda: events, "the first at work")
    second = threading.Thread(target=lifecycle.up, args=(tmp_path, 2, 5000))
    second.start()
    wait_until(lambda: "another `make up`" in capsys.readouterr().err, "the second waiting")
    both_started.set()
    for thread in (first, second):
        thread.join(timeout=10)
    assert events == [("began", 1), ("ended", 1), ("began", 2), ("ended", 2)]
