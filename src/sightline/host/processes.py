"""Child processes that never outlive whoever started them."""

import contextlib
import ctypes
import errno
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import SightlineError, masked
from sightline.layout import Layout

if TYPE_CHECKING:  # a stage that only dies with its parent does without it
    import psutil

GRACE = 5.0  # seconds between asking a process to end and killing it
TAIL = 20  # lines of output kept for the report of a failure
PARENT = "SIGHTLINE_PARENT"  # the process without which a child has no reason to go on
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SHELLS = {"sh", "ash", "bash", "dash", "fish", "ksh", "zsh"}


def die_with_parent() -> None:
    """Let this process be killed as soon as the one that started it is gone, however that ended.

    Past shells: dvc starts a stage through `sh -c`, and a shell (dash) that waits for the stage
    would keep it alive. Linux only (PR_SET_PDEATHSIG, pidfd). Elsewhere it does nothing, and past
    shells nothing where pidfd_open is missing: there a `kill -9` of dvc leaves the stage running,
    and it has to be ended by hand; a cancel, a time limit or Ctrl-C still ends it.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    parent, spawned_by = os.getppid(), multiprocessing.parent_process()
    named = os.environ.get(PARENT)
    if not named and spawned_by and spawned_by.pid != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)
    starter = int(named or _past_shells(parent))
    if starter == parent or not hasattr(os, "pidfd_open"):  # a Python built on an old Linux
        return
    try:
        handle = os.pidfd_open(starter)
    except ProcessLookupError:  # it died before we looked
        os.kill(os.getpid(), signal.SIGKILL)
    except OSError as error:
        # a kernel before 5.3, or a container's seccomp, which may say EPERM for what it does not
        # know: the stage cannot watch its starter, and is not worth less for that
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return
        raise
    threading.Thread(target=_kill_after, args=(handle,), daemon=True, name="starter").start()


def _past_shells(pid: int) -> int:
    """Return the nearest process from `pid` upwards that is no shell."""
    while Path(f"/proc/{pid}/comm").read_text().strip() in _SHELLS:
        # PID (NAME) STATE PARENT ..; a shell's name has no bracket in it
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


def _kill_after(handle: int) -> None:
    """Wait for the process behind a pidfd to end, then kill this one."""
    select.select([handle], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit status, its last lines, and whether it ran out of time."""

    status: int
    tail: list[str]
    timed_out: bool
    seconds: float


class Children:
    """Runs commands, from several threads at once; leaving the `with` block ends those alive."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> "Children":
        return self

    @property
    def closed(self) -> bool:
        """Whether the run is ending: what still waits for something should stop waiting."""
        return self._closed

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            end_tree(process.pid)

    def run(
        self,
        command: list[str],
        folder: Path,
        on_line: Callable[[str], None],
        time_limit: float | None = None,
        environment: dict[str, str] | None = None,
    ) -> Result:
        """Run `command` in `folder` to its end, handing over each line of output as it comes.

        It stays in this process's group, so that a signal to the group reaches it, and dies with
        the calling thread. After `time_limit` seconds it is ended, with all that it started.
        """
        began = time.monotonic()
        with self._lock:
            if self._closed:
                raise SightlineError(f"{command[0]} was not started: the run is ending")
            process = subprocess.Popen(
                [sys.executable, "-m", "sightline.host.processes", *command],
                cwd=folder,
                env={**os.environ, **child_environment(folder), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            self._running.add(process)
        output = process.stdout
        assert output, "it is a pipe"
        timed_out = threading.Event()

        def out_of_time() -> None:
            timed_out.set()
            end_tree(process.pid)

        timer = threading.Timer(time_limit, out_of_time) if time_limit else None
        tail: deque[str] = deque(maxlen=TAIL)
        try:
            if timer:
                timer.daemon = True
                timer.start()
            for line in output:
                if line := masked(line.rstrip()):
                    tail.append(line)
                    on_line(line)
            status = process.wait()
        except BaseException:
            end_tree(process.pid)
            raise
        finally:
            if timer:
                timer.cancel()
                timer.join()  # if it went off: until all have ended
            output.close()
            with self._lock:
                self._running.discard(process)
        return Result(status, list(tail), timed_out.is_set(), time.monotonic() - began)


def child_environment(folder: Path) -> dict[str, str]:
    """Return what a stage in `folder` is started with; nothing here may change what it computes.

    Programs of this environment come first; the package is that of `folder` if it holds one, so
    that a clone's stages run the clone's code, whatever is installed.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "PYTHONUNBUFFERED": "1"}
    own["OMP_WAIT_POLICY"] = "PASSIVE"  # stages side by side: a waiting thread must not burn a core
    project = Layout(folder)
    if project.has_package:
        paths = [str(project.package), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        own["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return own


def end_tree(pid: int, grace: float = GRACE) -> None:
    """End a process and all that it started: ask, wait `grace` seconds, then kill."""
    import psutil

    try:
        family = _stopped(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return
    for signal_family in (psutil.Process.terminate, psutil.Process.resume):
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                signal_family(process)
    for process in still_alive(family, grace):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    still_alive(family, grace)


def still_alive(processes: list["psutil.Process"], patience: float) -> list["psutil.Process"]:
    """Wait until all have ended, at most `patience` seconds; return those that have not.

    One that ended counts even if nobody reaps it, as in a container without an init.
    """
    import psutil

    until = time.monotonic() + patience
    while True:
        alive = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    alive.append(process)
        if not alive or time.monotonic() > until:
            return alive
        time.sleep(0.02)


def _stopped(process: "psutil.Process") -> list["psutil.Process"]:
    """Stop a process and its descendants, so that none is started unseen; return them."""
    import psutil

    try:
        process.suspend()
        return [process, *(one for child in process.children() for one in _stopped(child))]
    except psutil.NoSuchProcess:
        return []


# `python -m sightline.host.processes COMMAND...`: COMMAND dies with its parent
if __name__ == "__main__":
    die_with_parent()
    os.environ[PARENT] = str(os.getpid())
    os.execvp(sys.argv[1], sys.argv[1:])
