"""Which files of an archive are images, and why the others are left out: one decision for all."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sightline.data import image_files
from sightline.data.formats.archives import Member
from sightline.data.formats.dataset import LeftOut
from sightline.errors import SightlineError

HIDDEN = "hidden"
NO_IMAGE = "not images by content"
OUTSIDE = "outside of the class folders"
EMPTY = "empty"

Folders = tuple[str, ...]
Value = TypeVar("Value")


@dataclass
class Folder:
    """What was given in one folder: images, files of any kind, other folders."""

    images: int = 0
    files: int = 0
    inside: dict[str, "Folder"] = field(default_factory=dict)

    def at(self, folders: Folders) -> "Folder":
        """Return a folder inside of this one, made where it is new."""
        folder = self
        for name in folders:
            folder = folder.inside.setdefault(name, Folder())
        return folder

    def all_images(self) -> int:
        """How many images lie in it and in the folders inside."""
        return self.images + sum(folder.all_images() for folder in self.inside.values())


@dataclass
class Survey:
    """What an archive holds.

    `taken`: for each member in turn, whether it is an image. `places`: the folder of each image.
    `left_out`: how many others, by reason and folder. `root`: all folders that are not hidden.
    """

    taken: bytearray = field(default_factory=bytearray)
    places: list[Folders] = field(default_factory=list)
    left_out: Counter[tuple[str, Folders]] = field(default_factory=Counter)
    root: Folder = field(default_factory=Folder)

    def without_image(self, path: Path, folders: Folders) -> SightlineError:
        """Return the error for a class folder in which no image is."""
        return SightlineError(
            f"{path}: {shown(folders)} holds no image{self.why_none(folders)}: put images there, "
            f"take the folder away, or list '{folders[-1]}' under without_images in the catalogue"
        )

    def why_none(self, folders: Folders = ()) -> str:
        """Return what was left out of a folder, in brackets; nothing where it is empty."""
        reasons: Counter[str] = Counter()
        for (reason, place), count in self.left_out.items():
            if place[: len(folders)] == folders and reason != EMPTY:
                reasons[reason] += count
        texts = [f"{reason}: {count}" for reason, count in sorted(reasons.items())]
        return f" ({', '.join(texts)})" if texts else ""

    def by_class(self, names: Mapping[Folders, str]) -> LeftOut:
        """Return what was left out by reason and class, or by folder where it lies outside."""
        result: LeftOut = {}
        for (reason, folders), count in sorted(self.left_out.items()):
            counts = result.setdefault(reason, {})
            name = enclosing(folders, names) or shown(folders)
            counts[name] = counts.get(name, 0) + count
        return result


def shown(folders: Folders) -> str:
    """Return a folder's path, for a person."""
    return "/".join(folders) or "the top"


def enclosing(folders: Folders, values: Mapping[Folders, Value]) -> Value | None:
    """Return the value of the outermost folder that has one among those that lead to a folder."""
    prefixes = (folders[: depth + 1] for depth in range(len(folders)))
    return next((values[prefix] for prefix in prefixes if prefix in values), None)


def survey(members: Iterable[Member]) -> Survey:
    """Go through an archive once, reading no more than the first bytes of each file."""
    result = Survey()
    same: dict[Folders, Folders] = {}  # one tuple per folder, not one per image
    for member in members:
        parts = tuple(part for part in member.name.split("/") if part not in ("", "."))
        folders = parts if member.is_folder else parts[:-1]
        hidden = next((i for i, part in enumerate(parts) if _is_hidden(part)), None)
        taken = False
        if hidden is not None:
            result.left_out[HIDDEN, parts[:hidden]] += 1
        elif member.is_folder:
            result.root.at(folders)
        else:
            folder = result.root.at(folders)
            folder.files += 1
            reason = member.left_out or _no_image(member)
            taken = reason is None
            if reason is None:
                folder.images += 1
                result.places.append(same.setdefault(folders, folders))
            else:
                result.left_out[reason, folders] += 1
        result.taken.append(taken)
    _count_empty(result, result.root, ())
    return result


def _is_hidden(part: str) -> bool:
    return part.startswith(".") or part == "__MACOSX"


def _no_image(member: Member) -> str | None:
    """Return why a file is no image; None for one, and for what is named like one: it is broken."""
    if member.name.lower().endswith(image_files.SUFFIXES):
        return None
    return None if image_files.is_image(member.read(image_files.HEAD)) else NO_IMAGE


def _count_empty(result: Survey, folder: Folder, folders: Folders) -> None:
    if folders and not folder.files and not folder.inside:
        result.left_out[EMPTY, folders] += 1
    for name, inner in folder.inside.items():
        _count_empty(result, inner, (*folders, name))
