"""Checkpoints: everything a killed run needs to go on as if it had never been killed.

They live outside the stage's outputs, because DVC deletes those before it runs a stage, under a key
of all that decides the result: a changed recipe, dataset or line of code never meets an old one.
A finished run deletes its own, so that a repeated run trains anew.
"""

import fcntl
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from sightline.errors import SightlineError
from sightline.files import write_atomically


def key(description: dict, digests: dict, place: str) -> str:
    """Return a digest of the model, its data, where it computes, and the code that trains it."""
    package = Path(__file__).parent.parent
    code = [
        package / "trained.py",
        package / "networks" / "layers.py",
        package / "networks" / f"{description['network']}.py",
        *sorted((package / "tasks").glob("*.py")),
        *sorted((package / "training").glob("*.py")),
    ]
    said = json.dumps([description, digests, place, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a checkpoint: two trainings of the same thing would overwrite each other.

    Raises SightlineError at once where another process holds it. The system frees the lock of a
    process that dies, however it dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock")
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SightlineError(
                f"{lock} is held: another process trains exactly this model now: wait for it, or "
                "end it"
            ) from None
        yield
        lock.unlink(missing_ok=True)


def save(path: Path, state: dict) -> None:
    """Write a checkpoint whole or not at all."""
    write_atomically(path, serialise(state))


def load(path: Path) -> dict | None:
    """Return the state of a checkpoint, or None where there is none."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)


def serialise(value: dict) -> bytes:
    """Return equal bytes for equal tensors: torch.save writes a file's name into it, a buffer has
    none.
    """
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
