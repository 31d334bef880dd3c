"""`make up` and `make down`: everything starts, on 127.0.0.1 alone; nothing stays."""

import socket
import subprocess

import psutil
import pytest
from toy_project import free_port, tool_environment, wait_until

from sightline import services
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
