"""Stages forked from a process that has imported what they need.

Importing torch takes three seconds, and every stage of a model needs it. Here one process imports
it once, and each stage is a fork of it: a process of its own, with its own working folder,
environment, signals and output, that starts in milliseconds. Python's own fork server
(multiprocessing) does the forking; it runs no threads of ours and touches no GPU.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import IO


@dataclass(frozen=True)
class Started:
    """A command that runs: its process id, its output, and how to wait for its exit status.

    A status below 0 is the signal that ended it.
    """

    pid: int
    output: IO[str]
    wait: Callable[[], int]


_main_module = threading.Lock()


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Let a fork be told of no main module: it would import that anew.

    A Prefect flow's takes seconds, and what a fork calls stands elsewhere.
    """
    with _main_module:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


class ForkServer:
    """Starts commands of this package as forks of a process that has imported `modules`.

    Name no module of this package: a fork must run the code as it stands when it starts.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(modules))
        forkserver.ensure_running()

    def start(
        self,
        main: Callable[[Sequence[str]], int],
        arguments: Sequence[str],
        folder: Path,
        environment: dict[str, str],
    ) -> Started:
        """Run `main(arguments)` in a fork, in `folder` and with exactly this environment."""
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_in_fork, args=(main, list(arguments), str(folder), environment, writer)
        )
        with _without_main_module():
            process.start()
        writer.close()
        output = os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace")
        reader.close()

        def wait() -> int:
            process.join()
            return 1 if process.exitcode is None else process.exitcode

        return Started(process.pid or 0, output, wait)


def _in_fork(
    main: Callable[[Sequence[str]], int],
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    output: Connection,
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(OSError):
        # what `top` calls this process, which has the command line of the fork server
        Path("/proc/self/comm").write_text("-".join(arguments[:2]))
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    output.close()
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False, encoding="utf-8")
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False, encoding="utf-8")
    sys.exit(main(arguments))
