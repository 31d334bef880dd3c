"""Records of measurements: a JSON file each, its raw values beside it as .npz."""

import hashlib
import io
import json
import logging
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sightline.benchmark import environment
from sightline.benchmark.scenarios import Timing
from sightline.errors import SightlineError, one_line
from sightline.files import write_atomically, write_json
from sightline.layout import Layout

logger = logging.getLogger(__name__)

FORMAT = 1  # of a record; one of another format is not read

Record = dict[str, Any]
Figure = dict[str, Any]  # an entry of a record's `figures`
Variant = dict[str, Any]  # an entry of its `variants`


def write(layout: Layout, record: Record, timings: dict[str, Timing]) -> Path:
    """Write a record and its raw values, these first; return the JSON file's path."""
    folder = layout.benchmarks.records(record["model"]["name"])
    stamp = record["environment"]["time"].replace(":", "").replace("-", "").split("+")[0]
    path = folder / f"{stamp}-{record['environment']['machine']['id']}.json"
    arrays: dict[str, Any] = {}
    for name, timing in timings.items():
        arrays[name], arrays[f"{name}:rounds"] = timing.milliseconds, timing.rounds
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(raw_file(path), content.getvalue())
    write_json(path, record)
    return path


def raw_file(path: str | Path) -> Path:
    """Return the file of raw values that belongs to a record's file."""
    return Path(path).with_suffix(".npz")


def read_all(layout: Layout, name: str) -> list[Record]:
    """Return a model's records, oldest first, each with the `path` that it was read from.

    A damaged one is put aside, with a line in the log.
    """
    records = []
    for path in sorted(layout.benchmarks.records(name).glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            logger.warning("%s", _put_aside(layout, path, error))
            continue
        if record["format"] == FORMAT:
            records.append(record | {"path": str(path)})
    return sorted(records, key=lambda record: record["environment"]["time"])


def raw(layout: Layout, record: Record) -> dict[str, Timing]:
    """Return a record's raw values by name.

    Raises SightlineError where the file cannot be read; a damaged one is put aside.
    """
    path = raw_file(record["path"])
    try:
        with np.load(path) as arrays:
            return {
                name: Timing(arrays[name], arrays[f"{name}:rounds"])
                for name in arrays
                if not name.endswith(":rounds")
            }
    except OSError as error:
        raise SightlineError(f"{path}: {error.strerror}") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise SightlineError(_put_aside(layout, path, error)) from None


def _put_aside(layout: Layout, path: Path, error: Exception) -> str:
    """Move a damaged file out of the way; return the line that says so."""
    aside = layout.own_state.set_aside(path)
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, aside)  # benchmarks/ may be a link to another disk
    return f"{path} is damaged ({one_line(error)}): put aside as {aside}"


def sha256(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key(
    layout: Layout, name: str, machine: dict[str, Any], versions: dict[str, str], settings: object
) -> dict[str, str]:
    """Return what a record answers for: this file, on this machine, with these versions.

    Raises SightlineError where the model is not exported.
    """
    path = layout.model(name).onnx
    if not path.is_file():
        raise SightlineError(f"{path}: no such file: run `dvc repro export@{name}` first")
    return {
        "sha256": sha256(path),
        "machine": machine["id"],
        "versions": environment.digest(versions)[:8],
        "settings": environment.digest(settings)[:8],
    }


def current(layout: Layout, name: str, wanted: dict[str, str]) -> Record | None:
    """Return the newest record that answers for just this; None where there is none yet."""
    matching = [record for record in read_all(layout, name) if record["key"] == wanted]
    return matching[-1] if matching else None


def last_comparable(layout: Layout, name: str, machine_id: str) -> Record | None:
    """Return the newest record of the model on this machine, whatever its file and versions."""
    comparable = [r for r in read_all(layout, name) if r["key"]["machine"] == machine_id]
    return comparable[-1] if comparable else None
