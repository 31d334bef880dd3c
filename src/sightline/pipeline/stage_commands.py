"""The commands of stages as processes: started or forked, read line by line, ended."""

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import sightline
from sightline.errors import TRY_AGAIN, SightlineError, TryAgain, masked
from sightline.host import gpus, locks
from sightline.host.fork_server import ForkServer, Started
from sightline.host.processes import GRACE, PARENT, child_environment, end_tree
from sightline.layout import Layout
from sightline.settings.params import Params

TAIL = 20  # lines of output kept of a stage that failed
PROGRAM = "sightline"  # the program that may be forked
ON_GPUS = {"train", "evaluate", "insight"}  # kinds of stage that compute on one, where there is one
FORKED = {"train", "evaluate", "insight", "export"}  # kinds of stage that need torch
# What they import, but for our own code: a stage runs that as it stands when the stage starts.
# mlflow is not among them: its import starts a thread, and a fork has none of its parent's threads.
MODULES = ("torch", "torch._dynamo", "matplotlib.figure", "onnx", "onnxruntime")

Main = Callable[[Sequence[str]], int]


class Listener(Protocol):
    """Is told of what happens, from the thread in which it does."""

    def note(self, text: str) -> None:
        """A word to the person: what is waited for."""

    def line(self, name: str, text: str) -> None:
        """A stage has printed a line."""


class TimedOut(SightlineError):
    """A stage ran past the limit of its kind."""


class StageCommands:
    """Runs the commands of stages, from several threads at once; leaving `with` ends them.

    `main` is the command line of this program, by which stages that need torch are forked; None
    starts every stage as a program of its own, and so does a workspace with a package of its own:
    a fork runs the code of this process.
    """

    def __init__(
        self, layout: Layout, settings: Params, listener: Listener, main: Main | None
    ) -> None:
        self.devices = [] if settings.compute.device == "cpu" else gpus.visible()
        self.ending = False
        self.last_lines: dict[str, list[str]] = {}  # of the stages that failed
        self._layout, self._settings, self._listener = layout, settings, listener
        own = Path(sightline.__file__).resolve().parents[1]
        self._main = main if layout.package.resolve() == own else None
        self._server: ForkServer | None = None
        self._running: dict[str, Started] = {}
        self._starting = threading.Lock()

    def __enter__(self) -> "StageCommands":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def run(self, name: str, line: str, folder: Path, environment: dict[str, str]) -> None:
        """Run one command line of the stage `name` to its end.

        A stage that computes on GPUs holds them as long, every stage a place on the processors.
        Raises SightlineError where the command fails or runs past its time limit, TryAgain where
        the cause passes by itself.
        """
        kind, flows = name.partition("@")[0], self._settings.flows
        devices = self.devices if kind in ON_GPUS else []
        count = self._settings.compute.processes if kind == "train" else 1
        limit = flows.time_limits.get(kind)
        wait, note = flows.lock_wait, self._listener.note
        patience = flows.time_limits.get("train") or wait  # what holds a GPU so long is a training
        with (  # in this order: whoever waits for a GPU keeps no benchmark from the processors
            gpus.hold(devices, count, patience, note) as shown,
            locks.processors(False, wait, note),
        ):
            status, tail = self._to_the_end(name, line, folder, environment | shown, limit)
        if status != 0:
            self.last_lines[name] = tail
            log = self._layout.own_state.stage_log(name)
            kind_of_error = TryAgain if status == TRY_AGAIN else SightlineError
            raise kind_of_error(f"{cause(status, tail)} (its output: {log})")

    def end(self, grace: float = GRACE) -> None:
        """Start nothing more, and end every command that runs, killing it after `grace` seconds."""
        with self._starting:
            self.ending = True
            running = list(self._running.values())
        for process in running:
            end_tree(process.pid, grace)

    def _to_the_end(
        self,
        name: str,
        line: str,
        folder: Path,
        environment: dict[str, str],
        limit: float | None,
    ) -> tuple[int, list[str]]:
        """Return the exit status and the last lines; each line goes to the view and to a log."""
        tail: deque[str] = deque(maxlen=TAIL)
        log = self._layout.own_state.stage_log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        out_of_time = threading.Event()
        with self._starting:
            if self.ending:
                raise SightlineError("not started: the run is ending")
            process = self._start(line, folder, environment)
            self._running[name] = process

        def stop() -> None:
            out_of_time.set()
            end_tree(process.pid)

        timer = threading.Timer(limit or 0, stop)
        timer.daemon = True
        if limit:
            timer.start()
        try:
            with log.open("w", encoding="utf-8") as file, process.output as output:
                for line_of_output in output:
                    text = masked(line_of_output)
                    file.write(text)
                    if text := text.rstrip():
                        tail.append(text)
                        self._listener.line(name, text)
            status = process.wait()
        finally:
            timer.cancel()
            with self._starting:
                del self._running[name]
        if out_of_time.is_set():
            self.last_lines[name] = list(tail)
            raise TimedOut(f"ran past its {limit:.0f} s (flows.time_limits in params.yaml)")
        return status, list(tail)

    def _start(self, line: str, folder: Path, environment: dict[str, str]) -> Started:
        environment |= child_environment(folder)
        program, *arguments = shlex.split(line)
        if self._main and self._server is None:
            self._server = ForkServer(MODULES)  # imports while the first stages run
        if self._main and self._server and program == PROGRAM and arguments[0] in FORKED:
            environment[PARENT] = str(os.getpid())
            return self._server.start(self._main, arguments, folder, environment)
        process = subprocess.Popen(
            [sys.executable, "-m", "sightline.host.processes", "/bin/sh", "-c", line],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        return Started(process.pid, process.stdout, process.wait)


def cause(status: int, tail: Iterable[str]) -> str:
    """Return the line that says why a command failed: its last error, else its last line.

    What a signal ended had no time for a last word: its last line is no cause.
    """
    lines = list(tail)
    errors = [line for line in lines if line.startswith(("sightline: ", "ERROR: "))]
    number = -status if status < 0 else status - 128  # a shell counts from 128
    if not errors and number in set(signal.Signals):
        hint = ": the machine may be out of memory" if number == signal.SIGKILL else ""
        return f"ended by {signal.Signals(number).name}{hint}"
    if not lines:
        return f"ended with status {status} and without a word"
    return (errors or lines)[-1].removeprefix("sightline: ")
