"""A folder of images, a subfolder per class, in a tar or a zip; Imagenette comes so."""

from collections.abc import Collection, Iterator, Mapping
from itertools import compress
from pathlib import Path

import numpy as np

from sightline.data.formats import archives
from sightline.data.formats.class_folders import Place, class_names, places, readable
from sightline.data.formats.dataset import Decoded, Item
from sightline.data.formats.survey import OUTSIDE, Folders, Survey, enclosing, shown, survey
from sightline.errors import SightlineError


def decode(
    path: Path, names: dict[str, str] | None, without_images: Collection[str] = ()
) -> Decoded:
    """Return the dataset in an archive of class folders, below train/, val/, test/ or without.

    Folders around everything are looked through. `names` gives folders readable names; what of
    `without_images` holds none is no class. Raises SightlineError for an archive without images, a
    class without, one that train lacks, folders that may or may not be splits, and where no fewer
    images lie outside of the class folders than inside.
    """
    content = survey(archives.members(path))
    if not content.places:
        raise SightlineError(f"{path} holds no image{content.why_none()}")
    class_folders = places(path, content.root, without_images)
    for folders in class_folders:
        if not content.root.at(folders).all_images():
            raise content.without_image(path, folders)
    place_of = {folders: enclosing(folders, class_folders) for folders in set(content.places)}
    _count_outside(path, content, place_of)
    folders_of_classes = class_names(path, class_folders.values())
    index = {class_: number for number, class_ in enumerate(folders_of_classes)}
    labels: dict[str, list[int]] = {}
    for folders in content.places:
        if place := place_of[folders]:
            labels.setdefault(place[0], []).append(index[place[1]])

    def items() -> Iterator[Item]:
        rows = dict.fromkeys(labels, 0)
        images = compress(archives.members(path), content.taken)
        for member, folders in zip(images, content.places, strict=True):
            if place := place_of[folders]:
                split, _ = place
                yield Item(split, rows[split], member.name, member.read())
                rows[split] += 1

    classes = readable(path, folders_of_classes, names)
    arrays = {split: np.array(numbers, np.int64) for split, numbers in labels.items()}
    left_out = content.by_class(
        {at: classes[index[name]] for at, (_, name) in class_folders.items()}
    )
    return Decoded(classes, arrays, items, encoded=True, left_out=left_out)


def _count_outside(path: Path, content: Survey, place_of: Mapping[Folders, Place | None]) -> None:
    outside = [folders for folders in content.places if not place_of[folders]]
    if 2 * len(outside) >= len(content.places):
        raise SightlineError(
            f"{path}: an image at {shown(outside[0])} lies outside of any class folder, as do "
            f"{len(outside)} of {len(content.places)}: give each class a folder"
        )
    content.left_out.update((OUTSIDE, folders) for folders in outside)
