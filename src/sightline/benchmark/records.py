"""Records of measurements: a JSON file each, its raw values beside it as .npz."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np

from sightline.benchmark import environment
from sightline.benchmark.scenarios import Timing
from sightline.errors import SightlineError
from sightline.files import write_atomically, write_json
from sightline.layout import Layout

FORMAT = 1  # of a record; one of another format is not read


def write(layout: Layout, record: dict, timings: dict[str, Timing]) -> Path:
    """Write a record and its raw values, these first; return the JSON file's path."""
    folder = layout.benchmarks.records(record["model"]["name"])
    stamp = record["environment"]["time"].replace(":", "").replace("-", "").split("+")[0]
    path = folder / f"{stamp}-{record['environment']['machine']['id']}.json"
    arrays = {}
    for name, timing in timings.items():
        arrays[name], arrays[f"{name}:rounds"] = timing.milliseconds, timing.rounds
    raw = io.BytesIO()
    np.savez_compressed(raw, **arrays)
    write_atomically(path.with_suffix(".npz"), raw.getvalue())
    write_json(path, record)
    return path


def read_all(layout: Layout, name: str) -> list[dict]:
    """Return a model's records, oldest first, each with the `path` that it was read from."""
    found = []
    for path in sorted(layout.benchmarks.records(name).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] == FORMAT:
            found.append(record | {"path": str(path)})
    return sorted(found, key=lambda record: record["environment"]["time"])


def raw(record: dict) -> dict[str, Timing]:
    """Return a record's raw values by name; SightlineError where the file is missing."""
    path = Path(record["path"]).with_suffix(".npz")
    try:
        with np.load(path) as arrays:
            return {
                name: Timing(arrays[name], arrays[f"{name}:rounds"])
                for name in arrays
                if not name.endswith(":rounds")
            }
    except FileNotFoundError:
        raise SightlineError(
            f"{path}: no such file: it belongs to the record beside it: delete both"
        ) from None


def sha256(path: Path) -> str:
    """Return a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def key(layout: Layout, name: str, machine: dict, versions: dict, settings: dict) -> dict:
    """Return what a record answers for: this file, on this machine, with these versions."""
    path = layout.model(name).onnx
    if not path.is_file():
        raise SightlineError(f"{path}: no such file: run `dvc repro export@{name}` first")
    return {
        "sha256": sha256(path),
        "machine": machine["id"],
        "versions": environment.digest(versions)[:8],
        "settings": environment.digest(settings)[:8],
    }


def current(layout: Layout, name: str, wanted: dict) -> dict | None:
    """Return the newest record that answers for just this; None where there is none yet."""
    found = [record for record in read_all(layout, name) if record["key"] == wanted]
    return found[-1] if found else None


def last_comparable(layout: Layout, name: str, machine_id: str) -> dict | None:
    """Return the newest record of the model on this machine, whatever its file and versions."""
    found = [r for r in read_all(layout, name) if r["key"]["machine"] == machine_id]
    return found[-1] if found else None
