"""The processors of a machine: stages share them, a benchmark has them to itself.

And where locks lie that hold for the whole machine.
"""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sightline.errors import TryAgain

_POLL = 0.5  # seconds


@contextlib.contextmanager
def processors(
    alone: bool, wait: float, on_wait: Callable[[str], None], folder: Path | None = None
) -> Iterator[None]:
    """Hold the processors, `alone` or with others who share them; wait at most `wait` seconds.

    Flows run each stage within it, whatever their workspace, and `sightline benchmark` each model.
    The kernel frees the lock when its owner dies. `folder` holds the lock's file (default:
    `locks()`). Raises TryAgain when the wait is over.
    """
    path = (folder or locks()) / "sightline-processors.lock"
    handle = _open(path)
    try:
        end, said = time.monotonic() + wait, False
        while not _locked(handle, alone):
            who = "stages of some flow" if alone else "a benchmark"
            if time.monotonic() >= end:
                raise TryAgain(
                    f"{path}: {who} had this machine for more than {wait:.0f} s: let it finish or "
                    "end it, then run this again (flows.lock_wait in params.yaml is the patience)"
                )
            if not said:
                on_wait(f"waiting until {who} gives up this machine, at most {wait:.0f} s")
                said = True
            time.sleep(_POLL)
        yield
    finally:
        os.close(handle)


def locks() -> Path:
    """Return the folder of this machine's locks, one for every workspace and user.

    What SIGHTLINE_LOCKS names, else the machine's temporary folder.
    """
    return Path(os.environ.get("SIGHTLINE_LOCKS") or tempfile.gettempdir())


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY)  # as another user may: theirs is not ours to create
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o666)


def _locked(handle: int, alone: bool) -> bool:
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
