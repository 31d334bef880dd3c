"""Up and down: everything around one workspace, on 127.0.0.1."""

import socket
import subprocess
import sys
import time
from pathlib import Path

from flows.services.environment import HOST, PORT, WORKSPACE, environment, worker_environment
from flows.services.processes import PATIENCE, end_all, ports, running, say, start, wait_for
from sightline.errors import SightlineError, masked
from sightline.host import gpus
from sightline.host.locks import waited_for
from sightline.layout import Layout
from sightline.tracking import store, ui


def up(root: Path, prefect_port: int, mlflow_port: int) -> None:
    """Start what does not run yet and print where to look; no MLflow UI where a server is named.

    Two at once would start everything twice: the second waits for the first. Raises SightlineError
    if a part fails, or runs on another port.
    """
    root = root.resolve()
    lock = Layout(root).own_state.locks / "services.lock"
    with waited_for(lock, lambda: say("waiting: another `make up` starts the services")):
        _up(root, prefect_port, mlflow_port)


def _up(root: Path, prefect_port: int, mlflow_port: int) -> None:
    env = environment(root, prefect_port)
    mlflow = store.find(Layout(root)).server
    present = ports(root)
    for role, port in present.items():
        wanted = mlflow_port if role == "mlflow" else prefect_port
        if port != str(wanted):
            raise SightlineError(f"{role} runs on port {port}, not on {wanted}: `make down` first")
    try:
        if "server" not in present:
            say("starting the Prefect server")
            start(root, env, "server", server_command(prefect_port), prefect_port)
        if not mlflow and "mlflow" not in present:
            say("starting the MLflow UI, which first writes the runs that are missing")
            command = ["sightline", "ui", "--port", str(mlflow_port)]
            start(root, {**env, PORT: str(mlflow_port)}, "mlflow", command, mlflow_port)
        wait_for(root, "server", f"{env['PREFECT_API_URL']}/health")
        say("registering work pools, deployments and automations")
        register(root, env)
        devices = gpus.visible()
        for pool, limit in (("cpu", 1), ("gpu", len(devices))):
            if limit and f"worker-{pool}" not in present:
                say(f"starting a worker of pool {pool}")
                command = worker_command(pool, limit)
                start(root, worker_environment(env, root), f"worker-{pool}", command)
        if not mlflow:
            wait_for(root, "mlflow", f"http://{HOST}:{mlflow_port}/health")
    except SightlineError:
        if not present:  # all that runs is of this attempt
            down(root)
        raise
    gpu_workers = f"on {len(devices)} GPUs" if devices else "none here: no CUDA device is seen"
    runs = masked(mlflow) if mlflow else ui.page(mlflow_port)
    print(
        f"Prefect  http://{HOST}:{prefect_port}  deployments, runs, artifacts\n"
        f"MLflow   {runs}  models compared\n"
        f"workers  cpu: 1 flow at a time; gpu: {gpu_workers}\n"
        f"logs     {Layout(root).own_state.services.as_uri()}\n"
        f"For prefect's command line: export PREFECT_API_URL={env['PREFECT_API_URL']}\n"
        "Run all that is out of date: prefect deployment run reproduce/now --watch\n"
        "End it: make down"
    )


def down(root: Path) -> None:
    """End all that `up` started here, and what that started. Raises SightlineError if one stays."""
    root = root.resolve()
    roles = sorted({role for _, role in running(root) if role})
    say(f"ending {', '.join(roles)}" if roles else "nothing runs here")
    end_all(root)
    if roles:
        say("all ended; `make up` starts them again")


def server_command(port: int) -> list[str]:
    """Return the command of a Prefect server on 127.0.0.1."""
    return ["prefect", "server", "start", "--host", HOST, "--port", str(port)]


def worker_command(pool: str, limit: int) -> list[str]:
    """Return the command of a worker that runs at most `limit` flows at once: its own limit."""
    options = ["--pool", pool, "--type", "process", "--limit", str(limit)]
    return ["prefect", "worker", "start", "--name", f"{pool}@{socket.gethostname()}", *options]


def register(root: Path, env: dict[str, str]) -> None:
    """Write work pools, deployments and automations to the server; SightlineError if it refuses."""
    begun = time.monotonic()
    registration = subprocess.Popen(
        [sys.executable, "-m", "flows.services.registration"],
        cwd=root,
        # prefect.yaml names the worker's workspace, not that of whoever deploys it
        env={name: value for name, value in env.items() if name != WORKSPACE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while True:
        try:
            printed, _ = registration.communicate(timeout=PATIENCE)
            break
        except subprocess.TimeoutExpired:  # `prefect deploy` takes its time on a busy machine
            say(f"registering, {time.monotonic() - begun:.0f} s so far")
    if registration.returncode != 0:
        raise SightlineError(printed.strip().splitlines()[-1])
