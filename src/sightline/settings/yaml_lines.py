"""Entries put into a YAML file, or taken out, as lines: not a byte of the others changes.

A round trip by ruamel.yaml would keep comments, but puts a new entry behind the comment that
belongs to the next section, and wraps long lines anew.
"""

from collections import Counter
from collections.abc import Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from sightline.errors import SightlineError

INDENT = 2  # of the entries below a key

Place = tuple[str | int, ...]  # keys and indices that lead to an entry


def block(value: Any) -> str:
    """Return YAML with a line for each value, lists too, as DVC writes params.yaml anew."""
    yaml, stream = YAML(), StringIO()
    yaml.width = 4096
    yaml.dump(value, stream)
    return stream.getvalue()


def insert(text: str, place: Place, lines: str, *, blank: bool = False) -> str:
    """Return `text` with `lines` as the last entry of the mapping or list at `place`.

    `blank`: an empty line stands before it. Raises SightlineError where the entries at `place` are
    not written one below the other.
    """
    root = _compose(text)
    if root is None and not place:  # comments alone
        return text + "\n" * blank + lines
    key, node = _find(root, place)
    rows = text.splitlines(keepends=True)
    if isinstance(node, MappingNode | SequenceNode) and place and not node.value:  # {} or []
        line, column = node.start_mark.line, key.start_mark.column
        column += 0 if isinstance(node, SequenceNode) else INDENT
        rows[line] = rows[line][: node.start_mark.column].rstrip() + "\n"
        return "".join([*rows[: line + 1], _indented(lines, column), *rows[line + 1 :]])
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        raise SightlineError(
            f"{'.'.join(map(str, place)) or 'the file'} has no entries in lines of their own: "
            "write them one below the other, then try again"
        )
    last = _last_line(node)
    rows[last] = rows[last].rstrip("\n") + "\n"
    added = _indented(lines, node.start_mark.column)
    return "".join([*rows[: last + 1], "\n" * blank, added, *rows[last + 1 :]])


def delete(text: str, places: Iterable[Place], *, blank: bool = False) -> str:
    """Return `text` without the entries at these places.

    `blank`: the empty line before each goes with it. What loses its last entry becomes {} or [].
    """
    root, places = _compose(text), list(places)
    rows = text.splitlines(keepends=True)
    parents = Counter(place[:-1] for place in places if len(place) > 1)
    for parent, count in parents.items():
        key, node = _find(root, parent)
        if count == len(node.value):
            nothing = " {}" if isinstance(node, MappingNode) else " []"
            rows[key.start_mark.line] = rows[key.start_mark.line].rstrip() + nothing + "\n"
    for place in places:
        key, node = _find(root, place)
        first, last = key.start_mark.line, _last_line(node)
        if blank and first and not rows[first - 1].strip():
            first -= 1
        rows[first : last + 1] = [""] * (last + 1 - first)
    return "".join(rows)


def _indented(lines: str, column: int) -> str:
    return "".join(f"{' ' * column}{line}" for line in lines.splitlines(keepends=True))


def _compose(text: str) -> Node:
    return YAML(typ="safe", pure=True).compose(StringIO(text))


def _find(node: Node, place: Place) -> tuple[Node, Node]:
    """Return the node where the entry at `place` begins, and that of its value."""
    key = node
    for part in place:
        if isinstance(part, int):
            key = node = node.value[part]
        else:
            key, node = next(pair for pair in node.value if pair[0].value == part)
    return key, node


def _last_line(node: Node) -> int:
    # the end mark of mappings and lists in lines lies behind the comments that follow them
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        end = node.end_mark
        return end.line - (end.column == 0 and end.line > node.start_mark.line)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)
