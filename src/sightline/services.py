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
from pathlib import Path

import psutil

from sightline import gpus
from sightline.errors import SightlineError
from sightline.processes import still_alive

HOST = "127.0.0.1"
MARK, ROLE = "SIGHTLINE_SERVICES", "SIGHTLINE_SERVICE"
START_LIMIT = 600  # seconds; a server needs 20 on a machine that has nothing else to do
GRACE = 8  # seconds between one request to end and the next
POOLS = ("cpu", "gpu")
AUTOMATIONS = "automations.yaml"


def environment(root: Path, port: int) -> dict[str, str]:
    """Return the environment in which everything around one Prefect server on `port` runs."""
    programs = Path(sys.executable).parent
    return {
        **os.environ,
        MARK: str(root),
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PREFECT_HOME": str(root / ".sightline" / "prefect"),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # what automations.yaml waits for
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite on a busy machine: wait, not 503
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }


def up(root: Path, prefect_port: int, mlflow_port: int) -> None:
    """Start what does not run yet and say where to look. Raises SightlineError if a part fails."""
    root = root.resolve()
    env = environment(root, prefect_port)
    present = {role for _, role in running(root)}
    try:
        if "server" not in present:
            start(root, env, "server", server_command(prefect_port), prefect_port)
        if "mlflow" not in present:
            command = ["sightline", "ui", "--port", str(mlflow_port)]
            start(root, env, "mlflow", command, mlflow_port)
        wait_for(root, "server", f"{env['PREFECT_API_URL']}/health")
        prepare(root, env)
        devices = gpus.visible()
        for pool, limit in (("cpu", 1), ("gpu", len(devices))):
            if limit and f"worker-{pool}" not in present:
                start(root, worker_environment(env, root), f"worker-{pool}", worker(pool, limit))
        wait_for(root, "mlflow", f"http://{HOST}:{mlflow_port}/health")
    except SightlineError:
        if not present:  # all that runs is of this attempt
            down(root)
        raise
    seen = f"on {len(devices)} GPUs" if devices else "none here: no CUDA device is seen"
    print(
        f"Prefect  http://{HOST}:{prefect_port}  deployments, runs, artifacts\n"
        f"MLflow   http://{HOST}:{mlflow_port}  models compared\n"
        f"workers  cpu: 1 flow at a time; gpu: {seen}\n"
        f"logs     {root}/.sightline/services\n"
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
    known = _post(f"{env['PREFECT_API_URL']}/automations/filter", {})
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
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ()
        except (psutil.AccessDenied, psutil.NoSuchProcess):  # a zombie is one of the latter
            continue
        if mark.get(MARK) == str(root) and process.pid != os.getpid():
            found.append((process, mark.get(ROLE, "")))
    return found


def start(
    root: Path, env: dict[str, str], role: str, command: list[str], port: int | None = None
) -> subprocess.Popen:
    """Start one service in a session of its own, its output in .sightline/services/ROLE.log."""
    if port is not None:
        check_free(port, role)
    folder = root / ".sightline" / "services"
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
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if not any(found == role for _, found in running(root)):
                break
            time.sleep(0.5)
    log = root / ".sightline" / "services" / f"{role}.log"
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


def _post(url: str, body: dict) -> list:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
