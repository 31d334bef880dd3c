"""dvc.lock as text: the entry of one stage replaced, all others left as they are.

DVC parses and writes the whole file after each stage, in pure Python: seconds for a long one. Here
the entry alone is written by DVC's own emitter, and put in its place in the text: the same bytes.
"""

from pathlib import Path
from typing import Any

import yaml

from sightline.errors import SightlineError
from sightline.files import write_atomically

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STAGES = "stages:\n"
_INDENT = "  "  # before a stage's name; what belongs to it has more


class LockText:
    """The text of a dvc.lock, entry by entry.

    `order` holds the names of all stages as `dvc repro` would go through them; `old` those that
    stood in the file when this run, or the killed one that it takes up, began. New entries stand
    behind these, in that order, whatever ends first: as a serial run would have left them.
    """

    def __init__(self, path: Path, order: list[str], old: set[str]):
        self.path = path
        self._place = {name: place for place, name in enumerate(order)}
        self._old = old
        self._head, self._entries = _split(path)

    def update(self, name: str, entry: dict[str, Any]) -> None:
        """Write the file anew with this entry of one stage."""
        self._entries[name] = _text(name, entry)
        if name not in self._old:
            kept = [other for other in self._entries if other in self._old]
            new = [other for other in self._entries if other not in self._old]
            new.sort(key=lambda other: self._place.get(other, len(self._place)))
            self._entries = {other: self._entries[other] for other in [*kept, *new]}
        write_atomically(self.path, self._head + "".join(self._entries.values()))


def names(path: Path) -> set[str]:
    """Return the stages that have an entry in a dvc.lock; none where there is no file."""
    _, entries = _split(path)
    return set(entries)


def _text(name: str, entry: dict[str, Any]) -> str:
    from dvc.utils.serialize import dumps_yaml

    return dumps_yaml({"stages": {name: entry}}).removeprefix(_STAGES)


def _split(path: Path) -> tuple[str, dict[str, str]]:
    """Return what stands above the first entry, and the text of each entry by its stage's name.

    Raises SightlineError where the file has another form than DVC gives it.
    """
    if not path.exists():
        return f"schema: '2.0'\n{_STAGES}", {}
    text = path.read_text(encoding="utf-8")
    head, stages, body = text.partition(_STAGES)
    entries: dict[str, str] = {}
    name = ""
    for line in body.splitlines(keepends=True):
        if line.startswith(_INDENT) and not line[len(_INDENT)].isspace():
            name = yaml.load(line, _LOADER).popitem()[0]
            entries[name] = line
        elif name and line.startswith(_INDENT):
            entries[name] += line
        else:
            raise SightlineError(
                f"{path}: this line is not as DVC writes it: {line.rstrip()!r}: run `dvc repro`, "
                "or restore the file"
            )
    return head + stages, entries
