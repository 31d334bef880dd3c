"""A workspace with exported models and a `benchmark:` section that takes a second a model."""

import shutil
from pathlib import Path

import pytest
import yaml
from exported import MODELS, trained

from sightline.export import export
from sightline.layout import Layout

PROJECT = Path(__file__).parents[2]
NAMES = ("cnn", "lstm", "gru")
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


@pytest.fixture(scope="session", autouse=True)
def _locks_of_our_own(tmp_path_factory):
    """Neither wait for what else runs on this machine nor hold it up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """A workspace with exported models; copy it (`workspace`) before changing anything."""
    root = tmp_path_factory.mktemp("benchmark") / "exported"
    layout = trained(root, *NAMES)
    for name in NAMES:
        export(name, layout)
    (root / "data" / "catalogues").mkdir()
    (root / "data" / "catalogues" / "sample.yaml").write_text("{}")
    recipe = {"epochs": 1, "batch_size": 32, "optimizer": {"name": "adam", "learning_rate": 0.02}}
    params = {
        "catalogue": "sample",
        "datasets": {"bars": {"image_size": 12, "channels": 1, "val_size": 0.1}},
        "models": {
            name: {"dataset": "bars", "network": name, "task": "classify", "recipe": name}
            for name in NAMES
        },
        "recipes": {name: recipe | {"network": MODELS[name][1]} for name in NAMES},
        "compute": {"device": "cpu"},
        "flows": {"lock_wait": 60},
        "benchmark": QUICK,
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return root


@pytest.fixture
def workspace(exported, tmp_path, monkeypatch) -> Layout:
    """A copy of the workspace, which the test stands in."""
    shutil.copytree(exported, tmp_path / "workspace")
    monkeypatch.chdir(tmp_path / "workspace")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Layout(tmp_path / "workspace")
