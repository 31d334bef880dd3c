"""What was changed for a model, against the commit: its run is named by it."""

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from sightline.drawing.text import cut
from sightline.layout import PARAMS
from sightline.tracking.locked_results import LockedResults, flat

LONGEST = 100  # characters of a run's name


def run_name(model: LockedResults) -> str:
    """Return the name of a run: the model's, what was changed, and the experiment of DVC.

    `mnist-lstm`, or `mnist-lstm network=gru (fuzzy-sloe)`.
    """
    parts = [model.name, *(f"{key}={value}" for key, value in changes(model).items())]
    experiment = os.environ.get("DVC_EXP_NAME")  # set by `dvc exp run` for its stages
    return cut(" ".join(parts), LONGEST) + (f" ({experiment})" if experiment else "")


def changes(model: LockedResults) -> dict[str, Any]:
    """Return the settings of the model and of its recipe that the commit has otherwise, flat.

    Empty where the commit has no such model, or there is no commit.
    """
    committed = _committed(model.layout.root)
    if model.name not in (committed.get("models") or {}):
        return {}
    used = model.stages["train"]["params"][PARAMS]
    changed = {}
    for key, value in used.items():
        section, _, name = key.partition(".")
        before = (committed.get(section) or {}).get(name)
        if section in ("models", "recipes") and before is not None:
            old = flat(before) if isinstance(before, dict) else {"": before}
            new = flat(value) if isinstance(value, dict) else {"": value}
            changed |= {k: v for k, v in new.items() if old.get(k) != v}
    return changed


def _committed(root: Path) -> dict[str, Any]:
    """Return params.yaml as git's HEAD has it; empty where there is none that can be read."""
    command = ["git", "-C", str(root), "show", f"HEAD:./{PARAMS}"]
    try:
        text = subprocess.run(command, capture_output=True, check=True).stdout
        params = yaml.safe_load(text)
    except (subprocess.CalledProcessError, FileNotFoundError, yaml.YAMLError):
        return {}
    return params if isinstance(params, dict) else {}
