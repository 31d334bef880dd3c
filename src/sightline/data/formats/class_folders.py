"""Which folders of an archive are splits and which are classes; a doubtful one is refused."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from sightline.data.formats.survey import Folder, Folders, shown
from sightline.errors import SightlineError

_USUAL = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {name: split for split, names in _USUAL.items() for name in names}
# these may be classes too: a train beside a bus, valid parts beside invalid ones
_ALSO_CLASSES = ("train", "valid")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_ALIKE = re.compile(f"({'|'.join(_SPLIT_OF)}|eval|evaluation|holdout)(sets?|data|images)?")
_RENAME = "rename splits to train, val and test, and classes to something else"

Place = tuple[str, str]  # split and class


def places(path: Path, root: Folder, without_images: Collection[str]) -> dict[Folders, Place]:
    """Return split and class of each class folder, below any number of single outer folders.

    Folders named in `without_images` count only where they hold images. Where there is val and no
    test, the publisher's val is our test. Raises SightlineError for folders that may or may not be
    splits, a split without classes, and the dataset once more in one of its classes.
    """
    outer = _inside_outer(root, (), without_images)
    splits = _splits(path, outer, _classes(root.at(outer), without_images))
    result = {}
    for name, split in splits.items() if splits else [("", "train")]:
        level = (*outer, name) if name else outer
        if splits:
            level = _inside_outer(root.at(level), level, without_images)
            _refuse_splits_inside(path, level, root.at(level))
        classes = _classes(root.at(level), without_images)
        if not any(folder.all_images() for folder in classes.values()):
            raise SightlineError(
                f"{path}: {shown(level)} holds no class folder with images: give each class a "
                "folder in it"
            )
        if split == "val" and splits and "test" not in splits.values():
            split = "test"
        for class_, folder in sorted(classes.items()):
            _refuse_splits_inside(path, (*level, class_), folder)
            _refuse_copies(path, (*level, class_), folder, classes.keys() - {class_})
            result[(*level, class_)] = (split, class_)
    return result


def class_names(path: Path, places: Iterable[Place]) -> list[str]:
    """Return train's classes, sorted, from pairs of split and class; other splits may lack some."""
    distinct = set(places)
    train = {class_ for split, class_ in distinct if split == "train"}
    if not train:
        raise SightlineError(f"{path} holds no train image")
    for split, class_ in sorted(distinct):
        if class_ not in train:
            raise SightlineError(f"{path}: class '{class_}' stands in {split}, but not in train")
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


def _classes(level: Folder, without_images: Collection[str]) -> dict[str, Folder]:
    return {
        name: folder
        for name, folder in level.inside.items()
        if name not in without_images or folder.all_images()
    }


def _inside_outer(folder: Folder, at: Folders, without_images: Collection[str]) -> Folders:
    """Return where the first folder is that isn't a single one around everything."""
    while len(classes := _classes(folder, without_images)) == 1:
        [(name, child)] = classes.items()
        inner = _classes(child, without_images)
        if not inner or (_split_of(name) and not any(map(_split_of, inner))):
            break
        if child.images and not _branches(child, without_images):
            break  # a class with a folder inside
        folder, at = child, (*at, name)
    return at


def _branches(folder: Folder, without_images: Collection[str]) -> bool:
    classes = _classes(folder, without_images)
    return len(classes) > 1 or any(
        _split_of(name) or _branches(inner, without_images) for name, inner in classes.items()
    )


def _split_of(name: str) -> str | None:
    return _SPLIT_OF.get(name.casefold())


def _alike(name: str) -> str | None:
    """Return the split that a name only resembles: train_set, TestData, val2017."""
    for word in _WORD.findall(name):
        if match := _ALIKE.fullmatch(word.casefold()):
            return _SPLIT_OF.get(match[1], "test")
    return None


def _splits(path: Path, at: Folders, level: dict[str, Folder]) -> dict[str, str] | None:
    """Return the split that each folder is, or None where all are classes.

    A class folder holds images itself, a split's are in folders inside: this tells {bus, train}
    from {extra, train}.
    """
    usual = {name: split for name in level if (split := _split_of(name))}
    alike = {name: split for name in level if name not in usual and (split := _alike(name))}
    others = sorted(level.keys() - usual.keys())
    if usual and not others:
        for split in _USUAL:
            if len(names := [name for name in usual if usual[name] == split]) > 1:
                raise SightlineError(
                    f"{path}: '{names[0]}' and '{names[1]}' in {shown(at)} both mean {split}: "
                    "keep one of them"
                )
        if "train" not in usual.values():
            raise SightlineError(
                f"{path}: '{next(iter(usual))}' in {shown(at)} looks like a split, but there is "
                f"no train: {_RENAME}"
            )
        return usual
    flat = all(level[name].images for name in (*usual, *alike))
    as_class = not usual or (len(usual) == 1 and next(iter(usual)).casefold() in _ALSO_CLASSES)
    if flat and as_class and len({*usual.values(), *alike.values()}) < 2:
        return None
    doubtful = next(iter(usual), None) or next(iter(alike))
    beside = next(name for name in others if name != doubtful) if len(level) > 1 else "nothing"
    raise SightlineError(
        f"{path}: '{beside}' stands beside '{doubtful}' in {shown(at)}, which looks like a split: "
        f"{_RENAME}"
    )


def _refuse_splits_inside(path: Path, at: Folders, folder: Folder) -> None:
    splits = {split: name for name in folder.inside if (split := _split_of(name))}
    if len(splits) > 1:
        raise SightlineError(
            f"{path}: {shown(at)} holds splits ({', '.join(sorted(splits.values()))}): put the "
            "classes into the splits, not the splits into the classes"
        )
    for name, inner in folder.inside.items():
        _refuse_splits_inside(path, (*at, name), inner)


def _refuse_copies(path: Path, at: Folders, folder: Folder, others: Collection[str]) -> None:
    for name, inner in folder.inside.items():
        if name in others and inner.all_images():
            raise SightlineError(
                f"{path}: {shown((*at, name))} bears the name of another class, as in a copy of "
                "the dataset inside of itself: take it away, or give it another name"
            )
        _refuse_copies(path, (*at, name), inner, others)
