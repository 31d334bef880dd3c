"""What was changed for a model, against the commit: its run is named by it."""

import os
from typing import Any

from sightline.drawing.text import cut
from sightline.layout import PARAMS
from sightline.pipeline import committed
from sightline.pipeline.flat import flat
from sightline.tracking.locked_results import LockedResults

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
    before = committed.params(model.layout.root)
    if model.name not in (before.get("models") or {}):
        return {}
    used = model.stages["train"]["params"][PARAMS]
    changed = {}
    for key, value in used.items():
        section, _, name = key.partition(".")
        entry = (before.get(section) or {}).get(name)
        if section in ("models", "recipes") and entry is not None:
            old = flat(entry) if isinstance(entry, dict) else {"": entry}
            new = flat(value) if isinstance(value, dict) else {"": value}
            changed |= {k: v for k, v in new.items() if old.get(k) != v}
    return changed
