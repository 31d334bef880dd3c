"""Locks between processes. The system frees the lock of a process that dies, however it dies.

A lock is a file that stays where it is, but for that of `held`, for which nobody waits.
"""

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from sightline.errors import SightlineError, TryAgain

_PROMPT = 1.0  # seconds: who holds a lock for less is not worth a line of the log


def machine_folder() -> Path:
    """Return the folder of this machine's locks, one for every workspace and user.

    What SIGHTLINE_LOCKS names, else the machine's temporary folder.
    """
    return Path(os.environ.get("SIGHTLINE_LOCKS") or tempfile.gettempdir())


def shared(path: Path) -> FileLock:
    """Return a lock that every user of this machine may take, whatever the first one's umask."""
    return FileLock(path, mode=0o666)


def try_acquire(lock: FileLock) -> bool:
    """Take a lock if nobody holds it; return whether it was taken."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


@contextlib.contextmanager
def held(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock; TryAgain at once, with the text `busy`, where another process holds it.

    Its file goes when the work is done.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    if not try_acquire(lock):
        raise TryAgain(f"{path} is held: {busy}")
    try:
        yield
        path.unlink(missing_ok=True)
    finally:
        lock.release()


@contextlib.contextmanager
def waited_for(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, however long that takes; `on_wait` is called if another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    if not try_acquire(lock):
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def workspace_lock(
    folder: Path, owner: str, wait: float, on_wait: Callable[[str], None]
) -> Iterator[None]:
    """Hold the one lock of a workspace: two flows at once would fight over its outputs.

    `folder` holds the lock; `owner` is what another one is told while it waits, at most `wait`
    seconds. Raises TryAgain when the wait is over.
    """
    path, note = folder / "workspace.lock", folder / "workspace.owner"
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not try_acquire(lock):
            on_wait(
                f"waiting for {_read(note)}, at most {wait:.0f} s: one flow a workspace at a time"
            )
            lock.acquire(timeout=wait)
        note.write_text(f"{owner} (process {os.getpid()})", encoding="utf-8")
    except Timeout:
        raise TryAgain(
            f"{path} is held by {_read(note)}, for more than {wait:.0f} s: let it finish or cancel "
            "it, then run this again (flows.lock_wait in params.yaml is the patience)"
        ) from None
    except OSError as error:
        raise SightlineError(
            f"{folder}: {error.strerror}: the flow must be able to write to its workspace: run it "
            "in a clone of its own, or give the worker's user the right to write here"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "a flow that is just starting"


@contextlib.contextmanager
def processors(
    alone: bool, wait: float, on_wait: Callable[[str], None], folder: Path | None = None
) -> Iterator[None]:
    """Hold the processors, `alone` or with others who share them; wait at most `wait` seconds.

    Flows run each stage within it, whatever their workspace, and `sightline benchmark` each model.
    Everybody comes through one gate. A stage takes a place of its own and opens the gate again; a
    benchmark keeps the gate shut and waits until all places are free, so no stream of new stages
    can keep it waiting for ever. `folder` holds the locks (default: `machine_folder()`). Raises
    TryAgain when the wait is over.
    """
    folder = folder or machine_folder()
    deadline = time.monotonic() + wait

    def taken(lock: FileLock, holder: str) -> AcquireReturnProxy:
        with contextlib.suppress(Timeout):
            return lock.acquire(timeout=_PROMPT)
        if time.monotonic() < deadline:
            on_wait(f"waiting until {holder} gives up this machine, at most {wait:.0f} s")
        try:
            return lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
        except Timeout:
            raise TryAgain(
                f"{lock.lock_file}: {holder} had this machine for more than {wait:.0f} s: let it "
                "finish or end it, then run this again (flows.lock_wait in params.yaml is the "
                "patience)"
            ) from None

    with taken(shared(folder / "sightline-benchmark.lock"), "a benchmark"):
        if alone:
            for path in folder.glob("sightline-stage-*.lock"):
                with taken(shared(path), "a stage of some flow"):
                    pass
            yield
            return
        places = (shared(folder / f"sightline-stage-{number}.lock") for number in itertools.count())
        place = next(place for place in places if try_acquire(place))
    try:
        yield
    finally:
        place.release()
