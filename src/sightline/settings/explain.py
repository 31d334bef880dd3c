"""Mistakes in a settings file, each in one line that names the place and what is allowed there."""

import difflib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError


def nearest(name: object, known: Iterable[object]) -> str:
    """Return the ending of an error line: the name that was probably meant, and all there are."""
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}There are: {', '.join(names) or 'none'}"


def explain(path: Path, error: ValidationError, root: type, prefix: str = "") -> str:
    """Return one line per mistake that pydantic found in `path`, checked as dataclass `root`.

    `prefix` is the place in the file at which `root` begins.
    """
    lines = []
    for item in error.errors():
        place = item["loc"]
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            problem = f"unknown key: {nearest(place[-1], _keys(root, place[:-1]))}"
        elif item["type"] == "missing":
            problem = "this key is required"
        elif item["type"] == "value_error":
            problem = item["msg"].removeprefix("Value error, ")
        else:
            problem = f"{item['msg'][0].lower()}{item['msg'][1:]}, not {item['input']!r}"
        where = ".".join(filter(None, [prefix, *map(str, place)]))
        lines.append(": ".join(filter(None, [str(path), where, problem])))
    return "\n".join(lines)


def _keys(root: type, place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that `root`, a dataclass, knows in the section at `place`."""
    kind: Any = root
    for part in place:
        kind = get_type_hints(kind)[str(part)] if is_dataclass(kind) else get_args(kind)[-1]
        if isinstance(kind, UnionType):  # an optional section: X | None
            kind = get_args(kind)[0]
    return [key.name for key in fields(kind)]
