"""labels.json: the names of the classes, in the order of the outputs."""

from typing import Any

from sightline import tasks


def labels(metadata: dict[str, Any]) -> list[str] | None:
    """Return what a model chooses among, by its file's metadata; None if it does not choose."""
    words = tasks.words(metadata["task"])
    if not words.choice:
        return None
    return list(words.options) or metadata["classes"]
