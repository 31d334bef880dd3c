"""Checkpoints: everything a killed run needs to go on as if it had never been killed.

They live outside the stage's outputs, because DVC deletes those before it runs a stage, under a key
of all that decides the result: a changed recipe, dataset or line of code never meets an old one.
A finished run deletes its own, so that a repeated run trains anew.
"""

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from sightline.files import write_atomically
from sightline.host import locks
from sightline.models.trained import serialise


def key(description: dict, digests: dict, place: str) -> str:
    """Return a digest of the model, its data, where it computes, and the code that trains it."""
    package = Path(__file__).parent.parent
    code = [
        package / "networks" / "layers.py",
        package / "networks" / f"{description['network']}.py",
        *(
            path
            for folder in ("images", "models", "tasks", "training")
            for path in sorted((package / folder).rglob("*.py"))
        ),
    ]
    said = json.dumps([description, digests, place, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    for path in code:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def alone(path: Path) -> AbstractContextManager[None]:
    """Hold the lock of a checkpoint: two trainings of the same thing would overwrite each other.

    Raises SightlineError at once where another process holds it.
    """
    busy = "another process trains exactly this model now: wait for it, or end it"
    return locks.held(path.with_suffix(".lock"), busy)


def save(path: Path, state: dict) -> None:
    """Write a checkpoint whole or not at all."""
    write_atomically(path, serialise(state))


def load(path: Path) -> dict | None:
    """Return the state of a checkpoint, or None where there is none."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)
