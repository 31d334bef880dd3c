"""A workspace with exported models and a `benchmark:` section that takes a second a model."""

from pathlib import Path

import numpy as np
import yaml
from exported import entry, trained

from sightline.benchmark import records
from sightline.export.export import export

QUICK = {
    "provider": "cpu",
    "threads": [1],
    "warmup": 2,
    "rounds": 4,
    "calls": 40,
    "stream_seconds": 0.2,
    "batches": [4, 16],
    "samples": 64,
    "offline_seconds": 0.2,
    "level_seconds": 0.05,
    "cold_starts": 1,
    "busy": 1000,  # so that what else this machine does decides nothing
    "int8": {"calibration_images": 32, "max_drop": 0.5},
    "regression": {"threshold": 0.1, "confidence": 0.9, "resamples": 50},
}


def make(root: Path, *names: str) -> None:
    """Train, evaluate and export models of tests/exported.py, and write the params.yaml."""
    layout = trained(root, *names)
    for name in names:
        export(name, layout)
    (root / "data" / "catalogues").mkdir()
    (root / "data" / "catalogues" / "sample.yaml").write_text("{}")
    recipe = {"epochs": 1, "batch_size": 32, "optimizer": {"name": "adam", "learning_rate": 0.02}}
    entries = {name: entry(name) for name in names}
    params = {
        "catalogue": "sample",
        "datasets": {"bars": {"image_size": 12, "channels": 1, "val_size": 0.1}},
        "models": {
            name: {
                "dataset": "bars",
                "network": network,
                "task": task,
                "recipe": name,
                "start": "random",
            }
            for name, (network, _, task) in entries.items()
        },
        "recipes": {
            name: recipe | {"network": settings} for name, (_, settings, _) in entries.items()
        },
        "compute": {"device": "cpu"},
        "flows": {"lock_wait": 60},
        "benchmark": QUICK,
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def slowed(record: dict, factor: float) -> None:
    """Make the past faster, so that the present is slower."""
    path = records.raw_file(record["path"])
    with np.load(path) as arrays:
        changed = {
            name: values / factor if name.startswith("fp32") and "rounds" not in name else values
            for name, values in arrays.items()
        }
    np.savez_compressed(path, **changed)
