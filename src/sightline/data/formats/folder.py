"""A folder of images, a subfolder per class, in a tar or a zip; Imagenette comes so."""

import logging
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from sightline.data.formats import archives
from sightline.data.formats.dataset import Decoded, Item
from sightline.data.image_files import SUFFIXES
from sightline.errors import SightlineError
from sightline.layout import SPLITS

log = logging.getLogger(__name__)

Folders = tuple[str, ...]


def decode(path: Path, names: dict[str, str] | None) -> Decoded:
    """Return the dataset in an archive of class folders, below train/, val/, test/ or without.

    One folder around everything is looked through. `names` gives folders readable names.
    Where there is val and no test, the publisher's val is our test. Raises SightlineError for an
    image outside of a class folder, a class that train lacks, an archive without images.
    """
    seen: dict[Folders, Folders] = {}  # one tuple per folder, not one per image
    folder_of_image = []
    for member in archives.files(path):
        if is_image(member.name):
            folders = _folders(member.name)
            folder_of_image.append(seen.setdefault(folders, folders))
        else:
            log.info("%s: %s is no image, it is left out", path, member.name)
    if not folder_of_image:
        raise SightlineError(f"{path} holds no image ({', '.join(SUFFIXES)})")
    places = _places(path, seen.keys())
    folders = class_folders(path, places.values())
    index = {folder: number for number, folder in enumerate(folders)}
    labels: dict[str, list[int]] = {}
    for image in folder_of_image:
        split, folder = places[image]
        labels.setdefault(split, []).append(index[folder])

    def items() -> Iterator[Item]:
        rows = dict.fromkeys(labels, 0)
        for member in archives.files(path):
            if is_image(member.name):
                split, _ = places[_folders(member.name)]
                yield Item(split, rows[split], member.name, member.read())
                rows[split] += 1

    arrays = {split: np.array(numbers, np.int64) for split, numbers in labels.items()}
    return Decoded(readable(path, folders, names), arrays, items, encoded=True)


def is_image(name: str) -> bool:
    """Say whether a file is meant as an image: by its ending, and not hidden."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in _parts(name))
    return name.lower().endswith(SUFFIXES) and not hidden


def _folders(name: str) -> Folders:
    return _parts(name)[:-1]


def _parts(name: str) -> Folders:
    return tuple(part for part in name.split("/") if part not in ("", "."))  # ./cats//1.png


def class_folders(path: Path, places: Iterable[tuple[str, str]]) -> list[str]:
    """Return train's classes, sorted, from pairs of split and class; other splits may lack some."""
    distinct = set(places)
    train = {folder for split, folder in distinct if split == "train"}
    if not train:
        raise SightlineError(f"{path} holds no train image")
    for split, folder in sorted(distinct):
        if folder not in train:
            raise SightlineError(f"{path}: class '{folder}' stands in {split}, but not in train")
    return sorted(train)


def readable(path: Path, folders: list[str], names: dict[str, str] | None) -> list[str]:
    """Return a name per class; classes that share one (ImageNet's two cranes) get their folder too.

    Raises SightlineError where `names` speaks of folders that there are not.
    """
    if unknown := sorted(set(names or ()) - set(folders)):
        raise SightlineError(f"{path}: the catalogue names class '{unknown[0]}', it has no folder")
    if names is None:
        return folders
    readable_names = [names.get(folder, folder) for folder in folders]
    return [
        f"{name} ({folder})" if readable_names.count(name) > 1 else name
        for name, folder in zip(readable_names, folders, strict=True)
    ]


def _places(path: Path, all_folders: Collection[Folders]) -> dict[Folders, tuple[str, str]]:
    """Return split and class of the images in each folder."""
    around = 0
    while (
        all(len(folders) > around + 1 for folders in all_folders)
        and len(heads := {folders[around] for folders in all_folders}) == 1
        and not heads & set(SPLITS)
    ):
        around += 1
    tops = {folders[around] for folders in all_folders if len(folders) > around}
    split_here = "train" in tops and bool(tops & {"val", "test"} or tops == {"train"})
    if split_here and (others := sorted(tops - set(SPLITS))):
        raise SightlineError(
            f"{path}: '{others[0]}' stands beside train: either all folders are classes, or they "
            "are train, val and test"
        )
    depth = around + 1 + split_here
    places = {}
    for folders in all_folders:
        if len(folders) < depth:
            where = "/".join(folders) or "the top"
            raise SightlineError(f"{path}: an image at {where} lies outside of any class folder")
        split = folders[around] if split_here else "train"
        if split == "val" and "test" not in tops:
            split = "test"
        places[folders] = (split, folders[depth - 1])
    return places
