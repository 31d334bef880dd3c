"""Nested settings and figures as one mapping."""

from typing import Any


def flat(tree: dict[str, Any], prefix: str = "", separator: str = ".") -> dict[str, Any]:
    """Return the leaves of nested mappings by their joined keys: {"a.b": 1} of {"a": {"b": 1}}."""
    leaves = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= flat(value, f"{prefix}{key}{separator}", separator)
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
