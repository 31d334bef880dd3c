"""The processes of the services: started, waited for, found by their mark, ended.

The mark stands in their environment, which all that they start inherits. So `end_all` finds every
process, flows and stages included, however it was started and whatever became of its parent.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from flows.services.environment import HOST, MARK, PORT, ROLE
from sightline.errors import SightlineError
from sightline.host.processes import still_alive
from sightline.layout import Layout

START_LIMIT = 600  # seconds; a server needs 20 on a machine that has nothing else to do
PATIENCE = 10  # seconds after which a person is told again what is waited for
GRACE = 8  # seconds between one request to end and the next


def say(text: str) -> None:
    """Tell a person what is being done; the output itself holds the result alone."""
    print(text, file=sys.stderr, flush=True)


def start(
    root: Path, env: dict[str, str], role: str, command: list[str], port: int | None = None
) -> subprocess.Popen[bytes]:
    """Start one service in a session of its own, its output in .sightline/services/ROLE.log.

    It can be found by its mark from then on.
    """
    if port is not None:
        check_free(port, role)
    path = _log(root, role)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**env, ROLE: role},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # the kernel starts a program a moment before it gives it its environment
    while process.poll() is None and not _environment(psutil.Process(process.pid)):
        time.sleep(0.01)
    return process


def wait_for(root: Path, role: str, url: str) -> None:
    """Wait until `url` answers; SightlineError with the last line of its log if it never does."""
    # whatever proxy other servers are asked through, this one is on this machine
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begun = time.monotonic()
    until, told = begun + START_LIMIT, begun
    while time.monotonic() < until:
        try:
            direct.open(url, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
            if time.monotonic() - told > PATIENCE:
                told = time.monotonic()
                line = _last_line(root, role)
                say(f"waiting for the {role}, {told - begun:.0f} s so far; its log: {line}")
            if role not in (present for _, present in running(root)):
                break
    log = _log(root, role)
    raise SightlineError(f"{role} did not come up: {_last_line(root, role)}: see {log}")


def _log(root: Path, role: str) -> Path:
    return Layout(root).own_state.services / f"{role}.log"


def _last_line(root: Path, role: str) -> str:
    """Return the last line that a service has written."""
    lines = _log(root, role).read_text(errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "no word")


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


def running(root: Path) -> list[tuple[psutil.Process, str]]:
    """Return (process, role) of each process that belongs to the services of this workspace."""
    return [(process, mark.get(ROLE, "")) for process, mark in _marked(root)]


def ports(root: Path) -> dict[str, str]:
    """Return what runs, by role, with its port: of a worker, that of the server it asks."""
    return {mark[ROLE]: mark.get(PORT, "unknown") for _, mark in _marked(root) if ROLE in mark}


def end_all(root: Path) -> None:
    """End every process of the services of `root`. Raises SightlineError if one stays."""
    for end in ("terminate", "terminate", "kill"):  # a worker ends its flows at the first request
        processes = [process for process, _ in running(root)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, end)()
        still_alive(processes, GRACE)
    if left := running(root):
        raise SightlineError(
            f"processes {', '.join(str(process.pid) for process, _ in left)} do not end: look with "
            "`ps`, then kill them by their number"
        )


def _marked(root: Path) -> list[tuple[psutil.Process, dict[str, str]]]:
    """Return (process, its environment) of each process that has the mark of this workspace."""
    marked = []
    for process in psutil.process_iter():
        env = _environment(process)
        if env.get(MARK) == str(root) and process.pid != os.getpid():
            marked.append((process, env))
    return marked


def _environment(process: psutil.Process) -> dict[str, str]:
    """Return the environment of a process; nothing where it has ended or is another user's."""
    try:
        return process.environ()
    except (psutil.AccessDenied, psutil.NoSuchProcess):  # a zombie is one of the latter
        return {}
