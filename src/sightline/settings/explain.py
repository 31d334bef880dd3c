"""Mistakes in a settings file, each in one line that names the place and what is allowed there."""

import difflib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

from pydantic import ValidationError


def nearest(name: object, known: Iterable[object]) -> str:
    """Return the ending of an error line: the name that was probably meant, and all there are."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}There are: {', '.join(names) or 'none'}"


def _known_keys(root: type, place: tuple[int | str, ...]) -> list[str]:
    """The keys that `root`, a dataclass, knows at the place of an unknown key."""
    kind = root
    for part in place[:-1]:
        kind = get_type_hints(kind)[part] if is_dataclass(kind) else get_args(kind)[-1]
        if isinstance(kind, UnionType):  # an optional section: X | None
            kind = get_args(kind)[0]
    return [f.name for f in fields(kind)]


def explain(path: Path, error: ValidationError, root: type, prefix: str = "") -> str:
    """Return one line per mistake that pydantic found in `path`, checked as dataclass `root`.

    `prefix` is the place in the file at which `root` begins.
    """
    lines = []
    for item in error.errors():
        where = ".".join([prefix] * bool(prefix) + [str(part) for part in item["loc"]])
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            problem = f"unknown key: {nearest(item['loc'][-1], _known_keys(root, item['loc']))}"
        elif item["type"] == "value_error":
            problem = str(item["ctx"]["error"])
        else:
            problem = f"{item['msg'][0].lower()}{item['msg'][1:]}, not {item['input']!r}"
            if item["type"] == "missing":
                problem = "this key is required"
        lines.append(f"{path}: {where}: {problem}")
    return "\n".join(lines)
