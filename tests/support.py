"""What several tests build on: a small learnable dataset in the preprocessed form, and workspaces
for the scripts of scripts/.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml

from sightline.layout import Layout

PROJECT = Path(__file__).parent.parent
COUNTS = {"train": 240, "val": 40, "test": 60}


def write_processed(
    folder: Path, classes: int = 3, size: int = 12, channels: int = 1, counts: dict = COUNTS
) -> dict:
    """Write images whose class is the place of a bright bar, under noise; return meta.json.

    The files are the ones that `preprocess` writes (docs/architecture.md).
    """
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    digests, mean, std = {}, [], []
    for split, count in counts.items():
        labels = np.arange(count) % classes
        images = rng.integers(0, 90, (count, size, size, channels), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            start = label * size // classes
            image[start : start + 2] += 150
        if split == "train":
            mean = (images / 255).mean((0, 1, 2)).tolist()
            std = (images / 255).std((0, 1, 2)).tolist()
        for kind, array in (("images", images), ("labels", labels.astype(np.int64))):
            name = f"{split}.{kind}.npy"
            np.save(folder / name, array)
            digests[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    meta = {
        "dataset": folder.name,
        "catalogue": "sample",
        "real": False,
        "note": "bars for tests",
        "terms": "none",
        "polarity": "light-on-dark",
        "classes": [f"bar {index}" for index in range(classes)],
        "height": size,
        "width": size,
        "channels": channels,
        "counts": counts,
        "mean": mean,
        "std": std,
        "resize": {"size": size, "rule": "shorter side, then centre crop"},
        "val_size": 0.1,
        "seed": 0,
        "skipped": [],
        "sha256": digests,
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return meta


def write_workspace(
    root: Path, dataset: str, models: dict, recipes: dict, size: int = 12, channels: int = 1
) -> None:
    """Write what a script needs of a workspace: the bars as `dataset`, params.yaml with
    these models alone and these recipes besides the project's, and the catalogues.
    """
    write_processed(root / "data" / "processed" / dataset, size=size, channels=channels)
    shutil.copytree(PROJECT / "data" / "catalogues", root / "data" / "catalogues")
    params = yaml.safe_load((PROJECT / "params.yaml").read_text())
    params["datasets"] = {dataset: {"image_size": size, "channels": channels, "val_size": 0.1}}
    params["models"] = {
        f"{dataset}-{network}": {
            "dataset": dataset,
            "network": network,
            "task": "classify",
            "recipe": recipe,
            "start": "random",
        }
        for network, recipe in models.items()
    }
    params["recipes"] |= recipes
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def run_script(name: str, root: Path, *options: str) -> subprocess.CompletedProcess:
    """Run a script of scripts/ in the workspace `root`."""
    command = [sys.executable, str(PROJECT / "scripts" / name), *options]
    paths = os.pathsep.join([str(PROJECT / "src"), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def copy_settings(root: Path) -> Layout:
    """Copy the project's own params.yaml and catalogues into a folder."""
    shutil.copy(PROJECT / "params.yaml", root)
    shutil.copytree(PROJECT / "data" / "catalogues", root / "data" / "catalogues")
    return Layout(root)


def change(layout: Layout, place: str, value: object) -> None:
    """Set one value of params.yaml, `place` written with dots; None deletes it."""
    content = yaml.safe_load(layout.params.read_text())
    *parents, last = place.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    if value is None:
        del section[last]
    else:
        section[last] = value
    layout.params.write_text(yaml.safe_dump(content))
