"""Mistakes in a settings file, each in one line that names the place and what is allowed there."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

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
    for place, group in groupby(error.errors(), lambda item: _before_union(root, item["loc"])):
        items = list(group)  # one for each member of a union: those that came furthest fit best
        furthest = max(len(item["loc"]) for item in items)
        items = [item for item in items if len(item["loc"]) == furthest]
        problem = _problem(root, items[0]) if len(items) == 1 else _no_member(items)
        place = (*place, *items[0]["loc"][len(place) + 1 :])  # without the name of the member
        where = ".".join(filter(None, [prefix, *map(str, place)]))
        lines.append(": ".join(filter(None, [str(path), where, problem])))
    return "\n".join(lines)


def _problem(root: type, item: Mapping[str, Any]) -> str:
    place = item["loc"]
    if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key: {nearest(place[-1], _keys(root, place[:-1]))}"
    if item["type"] == "missing":
        return "this key is required"
    if item["type"] == "value_error":
        return item["msg"].removeprefix("Value error, ")
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, not {_short(item['input'])}"


def _no_member(items: Sequence[Mapping[str, Any]]) -> str:
    wanted = " or ".join(item["msg"].removeprefix("Input should be ") for item in items)
    return f"input should be {wanted}, not {_short(items[0]['input'])}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _before_union(root: type, place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return `place` up to its union, behind which pydantic names a member; else all of it."""
    kind: Any = root
    for depth, part in enumerate(place):
        if len(_members(kind)) > 1:
            return place[:depth]
        kind = _inside(kind, part)
    return place


def _keys(root: type, place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that `root`, a dataclass, knows in the section at `place`."""
    kind: Any = root
    for part in place:
        kind = _inside(kind, part)
    return [key.name for key in fields(_members(kind)[0])]


def _inside(kind: Any, part: int | str) -> Any:
    """Return the type of what stands under a key or an index in a value of type `kind`."""
    kind = _members(kind)[0]
    if is_dataclass(kind):
        return get_type_hints(kind).get(str(part))
    return get_args(kind)[-1] if get_args(kind) else None


def _members(kind: Any) -> list[Any]:
    """Return the members of a union but None; a type that is no union by itself."""
    if get_origin(kind) not in (Union, UnionType):
        return [kind]
    return [member for member in get_args(kind) if member is not NoneType]
