"""ILSVRC2012 in its official shape: a tar of synset tars for train, a flat tar for val.

What val shows stands in the devkit (ILSVRC2012_devkit_t12.tar.gz) or in a text file with a line
`FILE SYNSET` for each image. Nothing is unpacked, and no more than an image is held at a time.
"""

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from sightline.data.formats import archives
from sightline.data.formats.dataset import Decoded, Item
from sightline.data.formats.folder import class_folders, is_image, readable
from sightline.errors import SightlineError

log = logging.getLogger(__name__)


def decode(paths: dict[str, Path], names: dict[str, str] | None) -> Decoded:
    """Return train and, as test, the publisher's val (its own test split has no public labels).

    Classes are in the order of their synset ids. Their names are the catalogue's, or the devkit's,
    or the ids themselves. Raises SightlineError for a val image whose synset is not known.
    """
    if "devkit" in paths:
        truth, devkit_names = _devkit(paths["devkit"])
        names = names or devkit_names
    else:
        truth = _synset_list(paths["val-synsets"])
    train = [_synset(name) for name, _ in _train(paths["train"])]
    val = _val_synsets(paths["val"], truth)
    places = [("train", synset) for synset in train] + [("val", synset) for synset in val]
    synsets = class_folders(paths["train"], places)
    if names is None:
        log.warning("%s: no names for the synsets, so classes bear their ids", paths["train"])
    else:
        names = {synset: name for synset, name in names.items() if synset in set(synsets)}
    index = {synset: number for number, synset in enumerate(synsets)}
    labels = {
        "train": np.array([index[synset] for synset in train], np.int64),
        "test": np.array([index[synset] for synset in val], np.int64),
    }

    def items() -> Iterator[Item]:
        for row, member in enumerate(_train(paths["train"])):
            yield Item("train", row, member.name, member.read())
        for row, member in enumerate(_val(paths["val"])):
            yield Item("test", row, member.name, member.read())

    return Decoded(readable(paths["train"], synsets, names), labels, items, encoded=True)


def _train(path: Path) -> Iterator[archives.Member]:
    return (member for member in archives.files_of_tars(path) if is_image(member.name))


def _val(path: Path) -> Iterator[archives.Member]:
    return (member for member in archives.files(path) if is_image(member.name))


def _synset(name: str) -> str:
    return name.split(".tar/")[0]


def _val_synsets(path: Path, truth: dict[str, str] | list[str]) -> list[str]:
    """Return the synset of each val image in the archive's order."""
    files = [PurePosixPath(name).name for name, _ in _val(path)]
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
