"""What a training took, and on what: kept in the state of this machine, by the digest of the
weights that it ended in.

Equal trainings take different times, so DVC holds no such file: it would be the one output that
changes when nothing did. By their digest, weights that come back from the run cache, or from an
experiment in a copy, find their timing again.
"""

import hashlib
from typing import Any

from sightline.files import read_json, write_json
from sightline.layout import Layout


def keep(layout: Layout, name: str, timing: dict[str, Any] | None) -> None:
    """Keep what the training of a model took, if that is known, once its weights are written."""
    if timing:
        write_json(layout.state.timing(_digest(layout, name)), timing)


def read(layout: Layout, name: str) -> dict[str, Any] | None:
    """Return what the training took that made the weights of a model.

    None where another machine trained them, or there are none. SightlineError where the file is
    damaged.
    """
    if not layout.trained(name).weights.is_file():
        return None
    return of(layout, _digest(layout, name))


def of(layout: Layout, digest: str) -> dict[str, Any] | None:
    """Return what the training took that ended in weights of this SHA-256; None: not known here.

    Raises SightlineError where the file is damaged.
    """
    file = layout.state.timing(digest)
    if not file.exists():
        return None
    return read_json(file, "delete it: only the seconds of that training are lost", "seconds")


def _digest(layout: Layout, name: str) -> str:
    return hashlib.sha256(layout.trained(name).weights.read_bytes()).hexdigest()
