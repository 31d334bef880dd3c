"""Settings that passed `check_models` once are not checked again: that imports torch."""

import hashlib
import os
from pathlib import Path

from sightline.files import write_atomically
from sightline.layout import Layout


def key(layout: Layout) -> str:
    """Return a digest of what decides whether settings pass: both settings files, code and CXX."""
    digest = hashlib.sha256(layout.params.read_bytes())
    if layout.weights_catalogue.exists():
        digest.update(layout.weights_catalogue.read_bytes())
    digest.update(os.environ.get("CXX", "").encode())
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def has_passed(layout: Layout) -> bool:
    """Whether these very settings have passed."""
    path = layout.own_state.passed
    return path.exists() and path.read_text(encoding="ascii", errors="replace") == key(layout)


def keep(layout: Layout) -> None:
    """Remember that these settings have passed."""
    write_atomically(layout.own_state.passed, key(layout).encode())
