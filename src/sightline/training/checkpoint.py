"""Checkpoints: everything a killed training needs to go on as if it had never been killed.

They lie outside the stage's outputs, because DVC deletes those before it runs a stage, under a key
of all that decides the result: a changed recipe, dataset or line of code never meets an old one.
A finished training deletes its own, so that a repeated one trains anew; what nobody came back for
in `KEPT` days goes too.
"""

import hashlib
import io
import json
import logging
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import torch

from sightline.errors import TryAgain
from sightline.files import write_atomically
from sightline.host import locks
from sightline.layout import State
from sightline.models.trained import serialise
from sightline.training.device import Place, dtype_name

logger = logging.getLogger(__name__)

# The code that decides what is learned, below src/sightline: all that the list of the stage `train`
# holds (`sightline.pipeline.stage_code`), which a test compares
CODE = (
    "data/arrays.py",
    "images",
    "models",
    "networks/__init__.py",
    "networks/layers.py",
    "networks/{network}.py",
    "tasks",
    "training",
)
KEPT = 30  # days that a checkpoint waits for its training to be taken up again
_PACKAGE = Path(__file__).parent.parent
_DIGEST_SIZE = hashlib.sha256().digest_size


def key(description: dict[str, Any], digests: dict[str, str], place: Place) -> str:
    """Return a digest of the model, its data, where it computes, and the code that trains it.

    `digests` are those of the dataset's arrays.
    """
    facts = {
        "description": description,
        "data": digests,
        "device": place.device.type,
        "dtype": dtype_name(place.dtype),
        "threads": place.threads,
        "processes": place.ranks.count,
        "compile": place.compile,
        "sync_batch_norm": place.sync_batch_norm,
        "torch": torch.__version__,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for entry in CODE:
        path = _PACKAGE / entry.format(network=description["network"])
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def alone(path: Path) -> AbstractContextManager[None]:
    """Hold the lock of a checkpoint: two trainings of the same thing would overwrite each other.

    Raises TryAgain at once where another process holds it.
    """
    busy = "another process trains exactly this model now: wait for it, or end it"
    return locks.held(path.with_suffix(".lock"), busy)


def delete_forgotten(folder: Path) -> None:
    """Delete checkpoints of recipes, data or code that were left `KEPT` days ago."""
    before = time.time() - KEPT * 24 * 3600
    for path in folder.glob("*.pt"):
        # another training may delete it meanwhile, or go on from it just now
        with suppress(TryAgain, FileNotFoundError):
            if path.stat().st_mtime < before:
                with alone(path):
                    path.unlink()
                logger.info("%s was not taken up for %d days: deleted", path, KEPT)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all: the SHA-256 of what follows, then torch's bytes."""
    content = serialise(state)
    write_atomically(path, hashlib.sha256(content).digest() + content)


def load(path: Path, machine: State) -> dict[str, Any] | None:
    """Return the state of a checkpoint, on the CPU; None where there is none, or a damaged one.

    A damaged one is moved into `machine`'s folder, with a logged line.
    """
    if not path.exists():
        return None
    data = path.read_bytes()
    digest, content = data[:_DIGEST_SIZE], data[_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        aside = machine.set_aside(path)
        path.replace(aside)
        logger.warning("%s is damaged: it is kept as %s, training starts anew", path, aside)
        return None
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
