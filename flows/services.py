"""`make up` and `make down`: Prefect's server, workers and deployments, and the MLflow UI.

All of it listens on 127.0.0.1 and carries a mark in its environment, by which `down` finds every
process, flows and stages included, however it was started and whatever became of its parent.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import psutil

from sightline.errors import SightlineError
from sightline.host import gpus
from sightline.host.processes import still_alive
from sightline.layout import Layout
from sightline.tracking import store

HOST = "127.0.0.1"
# in the environment of each process: the workspace, what it is for, and the port of what it serves
MARK, ROLE, PORT = "SIGHTLINE_SERVICES", "SIGHTLINE_SERVICE", "SIGHTLINE_SERVICE_PORT"
START_LIMIT = 600  # seconds; a server needs 20 on a machine that has nothing else to do
GRACE = 8  # seconds between one request to end and the next
POOLS = ("cpu", "gpu")
AUTOMATIONS = "automations.yaml"


def environment(root: Path, port: int) -> dict[str, str]:
    """Return the environment in which everything around one Prefect server on `port` runs."""
    programs = Path(sys.executable).parent
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if direct != "*":  # a proxy elsewhere would look for 127.0.0.1 on its own machine
        direct = ",".join(filter(None, [direct, HOST, "localhost"]))
    return {
        **os.environ,
        MARK: str(root),
        PORT: str(port),
        "no_proxy": direct,
        "NO_PROXY": direct,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PREFECT_HOME": str(Layout(root).own_state.prefect),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # what automations.yaml waits for
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite on a busy machine: wait, not 503
        # Prefect's own defaults let a script of any page that a browser shows start flows: CORS
        # keeps it from reading answers, the token from sending what a browser sends unasked
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }


def up(root: Path, prefect_port: int, mlflow_port: int) -> None:
    """Start what does not run yet and say where to look; no MLflow UI where a server is named.

    Raises SightlineError if a part fails, or runs on another port.
    """
    root = root.resolve()
    env = environment(root, prefect_port)
    mlflow = store.find(Layout(root)).server
    present = ports(root)
    for role, port in present.items():
        wanted = mlflow_port if role == "mlflow" else prefect_port
        if port != str(wanted):
            raise SightlineError(f"{role} runs on port {port}, not on {wanted}: `make down` first")
    try:
        if "server" not in present:
            start(root, env, "server", server_command(prefect_port), prefect_port)
        if not mlflow and "mlflow" not in present:
            command = ["sightline", "ui", "--port", str(mlflow_port)]
            start(root, {**env, PORT: str(mlflow_port)}, "mlflow", command, mlflow_port)
        wait_for(root, "server", f"{env['PREFECT_API_URL']}/health")
        prepare(root, env)
        devices = gpus.visible()
        for pool, limit in (("cpu", 1), ("gpu", len(devices))):
            if limit and f"worker-{pool}" not in present:
                start(root, worker_environment(env, root), f"worker-{pool}", worker(pool, limit))
        if not mlflow:
            wait_for(root, "mlflow", f"http://{HOST}:{mlflow_port}/health")
    except SightlineError:
        if not present:  # all that runs is of this attempt
            down(root)
        raise
    seen = f"on {len(devices)} GPUs" if devices else "none here: no CUDA device is seen"
    print(
        f"Prefect  http://{HOST}:{prefect_port}  deployments, runs, artifacts\n"
        f"MLflow   {mlflow or f'http://{HOST}:{mlflow_port}'}  models compared\n"
        f"workers  cpu: 1 flow at a time; gpu: {seen}\n"
        f"logs     {Layout(root).own_state.services}\n"
        f"For prefect's command line: export PREFECT_API_URL={env['PREFECT_API_URL']}\n"
        "Run all that is out of date: prefect deployment run reproduce/now --watch\n"
        "End it: make down"
    )


def server_command(port: int) -> list[str]:
    """Return the command of a Prefect server on 127.0.0.1."""
    return ["prefect", "server", "start", "--host", HOST, "--port", str(port)]


def worker(pool: str, limit: int) -> list[str]:
    """Return the command of a worker that runs at most `limit` flows at once: its own limit."""
    options = ["--pool", pool, "--type", "process", "--limit", str(limit)]
    return ["prefect", "worker", "start", "--name", f"{pool}@{socket.gethostname()}", *options]


def worker_environment(env: dict[str, str], workspace: Path) -> dict[str, str]:
    """Return `env` with the clone that this worker's flows run in (prefect.yaml's pull step)."""
    return {**env, "SIGHTLINE_WORKSPACE": str(workspace)}


def prepare(root: Path, env: dict[str, str]) -> None:
    """Create or update the work pools, the deployments of prefect.yaml and the automations."""
    env = {name: value for name, value in env.items() if name != "SIGHTLINE_WORKSPACE"}
    for pool in POOLS:
        _prefect(root, env, "work-pool", "create", pool, "--type", "process", "--overwrite")
    _prefect(root, env, "deploy", "--all")
    known = _post(env["PREFECT_API_URL"], "/automations/filter", {})
    if not any(automation["name"] == "crashed" for automation in known):
        _prefect(root, env, "automation", "create", "--from-file", AUTOMATIONS)


def down(root: Path) -> None:
    """End all that `up` started here, and what that started. Raises SightlineError if one stays."""
    root = root.resolve()
    for end in ("terminate", "terminate", "kill"):  # a worker ends its flows at the first request
        found = [process for process, _ in running(root)]
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, end)()
        still_alive(found, GRACE)
    if left := running(root):
        raise SightlineError(
            f"processes {', '.join(str(process.pid) for process, _ in left)} do not end: look with "
            "`ps`, then kill them by their number"
        )


def running(root: Path) -> list[tuple[psutil.Process, str]]:
    """Return (process, role) of each process that belongs to the services of this workspace."""
    return [(process, mark.get(ROLE, "")) for process, mark in _marked(root)]


def ports(root: Path) -> dict[str, str]:
    """Return what runs, by role, with its port: of a worker, that of the server it asks."""
    return {mark[ROLE]: mark.get(PORT, "unknown") for _, mark in _marked(root) if ROLE in mark}


def _marked(root: Path) -> list[tuple[psutil.Process, dict[str, str]]]:
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ()
        except (psutil.AccessDenied, psutil.NoSuchProcess):  # a zombie is one of the latter
            continue
        if mark.get(MARK) == str(root) and process.pid != os.getpid():
            found.append((process, mark))
    return found


def start(
    root: Path, env: dict[str, str], role: str, command: list[str], port: int | None = None
) -> subprocess.Popen:
    """Start one service in a session of its own, its output in .sightline/services/ROLE.log."""
    if port is not None:
        check_free(port, role)
    folder = Layout(root).own_state.services
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{role}.log").open("w") as log:
        return subprocess.Popen(
            command,
            cwd=root,
            env={**env, ROLE: role},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for(root: Path, role: str, url: str) -> None:
    """Wait until `url` answers; SightlineError with the last line of its log if it never does."""
    until = time.monotonic() + START_LIMIT
    while time.monotonic() < until:
        try:
            _open(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)  # before it looks: a process has no environment while it is being made
            if not any(found == role for _, found in running(root)):
                break
    log = Layout(root).own_state.services / f"{role}.log"
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
    raise SightlineError(f"{role} did not come up: {''.join(last) or 'no word'}: see {log}")


def check_free(port: int, role: str) -> None:
    """Raise SightlineError if nothing can listen on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            option = "MLFLOW_PORT" if role == "mlflow" else "PREFECT_PORT"
            raise SightlineError(
                f"{role}: port {port} on {HOST} cannot be used ({error.strerror}): another program "
                f"has it: make up {option}={port + 1}"
            ) from None


def _prefect(root: Path, env: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["prefect", "--no-prompt", *arguments],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise SightlineError(f"prefect {' '.join(arguments)}: {' '.join(said[-3:])}")


def csrf_headers(api: str) -> dict[str, str]:
    """Return the headers without which the server changes nothing; good for an hour."""
    client = str(uuid.uuid4())
    with _open(f"{api}/csrf-token?client={client}", timeout=30) as answer:
        return {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": json.load(answer)["token"]}


def _post(api: str, path: str, body: dict) -> list:
    try:
        headers = {"Content-Type": "application/json", **csrf_headers(api)}
        request = urllib.request.Request(f"{api}{path}", json.dumps(body).encode(), headers)
        with _open(request, timeout=30) as answer:
            return json.load(answer)
    except OSError as error:  # URLError, or a time limit
        raise SightlineError(
            f"the Prefect server does not answer {path}: {error}: run `make up` again; its log is "
            ".sightline/services/server.log"
        ) from None


def _open(request: str | urllib.request.Request, timeout: float):
    """Ask a server of this machine, whatever proxy others are asked through."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return direct.open(request, timeout=timeout)
