"""ILSVRC2012 in its official shape: a tar of synset tars for train, a flat tar for val.

What val shows stands in the devkit (ILSVRC2012_devkit_t12.tar.gz) or in a text file with a line
`FILE SYNSET` for each image. Nothing is unpacked, and no more than an image is held at a time.
"""

import io
import logging
import re
from collections.abc import Collection, Iterator
from itertools import compress
from pathlib import Path, PurePosixPath

import numpy as np

from sightline.data.formats import archives
from sightline.data.formats.class_folders import class_names, readable
from sightline.data.formats.dataset import Decoded, Item
from sightline.data.formats.survey import survey
from sightline.errors import SightlineError

log = logging.getLogger(__name__)


def decode(
    paths: dict[str, Path], names: dict[str, str] | None, without_images: Collection[str] = ()
) -> Decoded:
    """Return train and, as test, the publisher's val (its own test split has no public labels).

    Classes are in the order of their synset ids. Their names are the catalogue's, or the devkit's,
    or the ids themselves. Raises SightlineError for a val image whose synset is not known, and a
    synset without images that is not in `without_images`.
    """
    if "devkit" in paths:
        truth, devkit_names = _devkit(paths["devkit"])
        names = names or devkit_names
    else:
        truth = _synset_list(paths["val-synsets"])
    train = survey(archives.members_of_tars(paths["train"]))
    for tar, folder in train.root.inside.items():
        if not folder.all_images() and tar not in without_images:
            raise train.without_image(paths["train"], (tar,))
    val = survey(archives.members(paths["val"]))
    train_synsets = [folders[0].removesuffix(".tar") for folders in train.places]
    files = [member.name for member in compress(archives.members(paths["val"]), val.taken)]
    val_synsets = _val_synsets(paths["val"], [PurePosixPath(file).name for file in files], truth)
    places = [("train", name) for name in train_synsets] + [("val", name) for name in val_synsets]
    synsets = class_names(paths["train"], places)
    if names is None:
        log.warning("%s: no names for the synsets, so classes bear their ids", paths["train"])
    else:
        names = {synset: name for synset, name in names.items() if synset in set(synsets)}
    index = {synset: number for number, synset in enumerate(synsets)}
    labels = {
        "train": np.array([index[synset] for synset in train_synsets], np.int64),
        "test": np.array([index[synset] for synset in val_synsets], np.int64),
    }

    def items() -> Iterator[Item]:
        members = compress(archives.members_of_tars(paths["train"]), train.taken)
        for row, member in enumerate(members):
            yield Item("train", row, member.name, member.read())
        for row, member in enumerate(compress(archives.members(paths["val"]), val.taken)):
            yield Item("test", row, member.name, member.read())

    classes = readable(paths["train"], synsets, names)
    left_out = train.by_class({(f"{synset}.tar",): classes[index[synset]] for synset in synsets})
    for (reason, _), count in sorted(val.left_out.items()):
        counts = left_out.setdefault(reason, {})
        counts["val"] = counts.get("val", 0) + count
    return Decoded(classes, labels, items, encoded=True, left_out=left_out)


def _val_synsets(path: Path, files: list[str], truth: dict[str, str] | list[str]) -> list[str]:
    """Return the synset of each val image in the archive's order."""
    if isinstance(truth, list):  # the devkit's lines follow the sorted names
        if len(truth) != len(files):
            raise SightlineError(f"{path}: {len(files)} images, the devkit knows {len(truth)}")
        truth = dict(zip(sorted(files), truth, strict=True))
    if unknown := [file for file in files if file not in truth]:
        raise SightlineError(f"{path}: the list of synsets has no line for {unknown[0]}")
    return [truth[file] for file in files]


def _synset_list(path: Path) -> dict[str, str]:
    synsets = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if len(words) != 2:
            raise SightlineError(f"{path}: line {number} is not `FILE SYNSET`: {line!r}")
        synsets[words[0]] = words[1]
    return synsets


def _devkit(path: Path) -> tuple[list[str], dict[str, str]]:
    """Return the synset of each val image and the readable name of each synset."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    synsets_file, truth_file = "meta.mat", "ILSVRC2012_validation_ground_truth.txt"
    devkit = archives.contents(path, f"{re.escape(synsets_file)}|{re.escape(truth_file)}")
    try:
        meta = loadmat(io.BytesIO(devkit[synsets_file]), squeeze_me=True)["synsets"]
        leaves = [entry for entry in meta if int(entry["num_children"]) == 0]
        synsets = {int(entry["ILSVRC2012_ID"]): str(entry["WNID"]) for entry in leaves}
        names = {str(entry["WNID"]): str(entry["words"]).split(",")[0] for entry in leaves}
        truth = devkit[truth_file].decode().split()
        return [synsets[int(number)] for number in truth], names
    except (KeyError, ValueError, TypeError, MatReadError) as error:
        raise SightlineError(f"{path} is not the devkit of ILSVRC2012: {error!r}") from None
