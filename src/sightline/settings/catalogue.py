"""A catalogue: per dataset, which files to fetch or draw, in which format, with which terms."""

import re
from dataclasses import field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from sightline.errors import SightlineError
from sightline.layout import SOURCE, Layout
from sightline.settings.explain import explain, nearest
from sightline.settings.params import Params
from sightline.settings.section import Count, Switch, section
from sightline.settings.yaml_file import read_yaml

T = TypeVar("T")

# Which files a format consists of, by role: one of these sets.
_ROLES = {
    "idx": [{"train-images", "train-labels", "test-images", "test-labels"}],
    "cifar": [{"archive"}],
    "imagenet": [{"train", "val", "devkit"}, {"train", "val", "val-synsets"}],
    "folder": [{"images"}],
}
# How the classes of a format are named: by place, by the files, or by folder or synset (or not).
_NAMING = {
    "idx": (list, "a list of names"),
    "cifar": (type(None), "left out, the archive names them"),
    "imagenet": (dict | None, "left out, or a mapping from synset to name"),
    "folder": (dict | None, "left out, or a mapping from folder to name"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BEGINNING = re.compile(r"[0-9a-f]{8,64}")
_URL = re.compile(r"https://[^/\s]+/\S+|file://(\$\{SIGHTLINE_[A-Z0-9_]+\})?/.+")


@section
class File:
    """One file of a dataset, under its official name.

    `urls` are tried in turn: https, or file:///PATH, or file://${SIGHTLINE_FOLDER}/PATH below the
    folder that this environment variable names. `in_place`: the file is too large to be copied
    (ILSVRC2012: 148 GB); it is checked and read where it lies. `sha256_begins`: the first digits of
    the SHA-256, where a publisher gives no more, as torch's hub does in a file's name: eight tell a
    damaged file from a right one, and do not stop a forger.
    """

    name: str
    role: str
    urls: list[str] = field(default_factory=list)
    size: Count | None = None
    sha256: str | None = None
    sha256_begins: str | None = None
    md5: str | None = None
    in_place: Switch = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name == SOURCE:
            raise ValueError(f"'{self.name}' cannot be a file's name here")
        for url in self.urls:
            if not _URL.fullmatch(url):
                raise ValueError(
                    f"'{url}': a URL begins with https://, file:/// or file://${{SIGHTLINE_...}}/"
                )
        for digest, digits in ((self.sha256, 64), (self.md5, 32)):
            if digest is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", digest):
                raise ValueError(f"'{digest}' is not {digits} small hexadecimal digits")
        if self.sha256_begins is not None and not _BEGINNING.fullmatch(self.sha256_begins):
            raise ValueError(f"'{self.sha256_begins}' is not 8 small hexadecimal digits or more")
        if self.remote and not self.digest:
            raise ValueError(f"{self.name}: a file that comes over https needs its sha256 (or md5)")
        if self.in_place and (self.remote or len(self.urls) != 1):
            raise ValueError(f"{self.name}: only a file with one file:// URL can be read in_place")

    @property
    def digest(self) -> str | None:
        """What its content is known by; None: by nothing."""
        return self.sha256 or self.md5 or self.sha256_begins

    @property
    def remote(self) -> bool:
        """Whether any of its URLs leads over the network."""
        return any(url.startswith("https:") for url in self.urls)


@section
class Entry:
    """One dataset of a catalogue: fetched files, or files that Sightline draws (`draw:`).

    `classes` are the classes' names in the order of the labels, or a mapping from the folder or
    synset that a class has in the files to its readable name; without it the files say it.
    `without_images` are folders (synset tars) that may hold no image and are no class then.
    `polarity` tells users of the exported model how its images look: light-on-dark or nothing.
    """

    format: Literal["idx", "cifar", "imagenet", "folder"]
    real: Switch
    note: str
    terms: str
    files: list[File]
    polarity: Literal["light-on-dark"] | None = None
    classes: list[str] | dict[str, str] | None = None
    without_images: list[str] = field(default_factory=list)
    draw: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        roles = [file.role for file in self.files]
        if set(roles) not in _ROLES[self.format]:
            sets = " or ".join(", ".join(sorted(roles)) for roles in _ROLES[self.format])
            raise ValueError(
                f"files: format {self.format} has the roles {sets}; "
                f"here stand {', '.join(roles) or 'none'}"
            )
        if len(roles) > len(set(roles)) or len({file.name for file in self.files}) < len(roles):
            raise ValueError("files: a role or a name stands there twice")
        if self.draw is not None:
            if self.real:
                raise ValueError("what is drawn is not real: set real: false")
            if any(file.urls or file.size or file.digest for file in self.files):
                raise ValueError("files that are drawn have a name and a role, nothing else")
        elif not all(file.urls for file in self.files):
            raise ValueError("each file needs its urls, or the dataset a draw: mapping")
        kind, wanted = _NAMING[self.format]
        if not isinstance(self.classes, kind):
            raise ValueError(f"classes: in format {self.format} they are {wanted}")
        if self.without_images and self.format not in ("folder", "imagenet"):
            raise ValueError(f"without_images: format {self.format} has no class folders")


@section
class Weights:
    """Weights that a training may begin with: one file, in the role `weights`.

    `format`: torch (a state dict that torch.save wrote) or safetensors. `names`: whose names the
    tensors have, those of sightline's networks or those of torchvision's models. `architecture`:
    which of torchvision's models they are of, for `sightline add model` to know.
    """

    format: Literal["torch", "safetensors"]
    names: Literal["sightline", "torchvision"]
    note: str
    terms: str
    file: File
    architecture: str | None = None

    def __post_init__(self) -> None:
        if self.architecture and self.names != "torchvision":
            raise ValueError("architecture: it names a model of torchvision, so set names so, too")
        if self.file.role != "weights":
            raise ValueError(f"file.role: it is weights here, not {self.file.role}")
        if not self.file.urls or self.file.in_place:
            raise ValueError("file: it needs its urls, and is never read in_place")


def load(path: Path, remedy: str = "") -> dict[str, Any]:
    """Return a catalogue as it stands in the file; SightlineError where it is not a mapping."""
    remedy = remedy or f"`catalogue:` in params.yaml names a catalogue in {path.parent}"
    entries = read_yaml(path, remedy)
    if not isinstance(entries, dict):
        raise SightlineError(f"{path}: a catalogue maps names to entries, this file does not")
    return entries


def entry(path: Path, dataset: str) -> Entry:
    """Return one dataset's entry, checked; a mistake in another entry does not matter.

    Raises SightlineError with one line per mistake, and the nearest name where there is no entry.
    """
    entries = load(path)
    if dataset not in entries:
        raise SightlineError(
            f"{path}: no dataset '{dataset}' in this catalogue: {nearest(dataset, entries)}"
        )
    return _checked(path, dataset, entries[dataset], Entry)


def weights(path: Path, name: str) -> Weights:
    """Return one entry of the catalogue of weights, checked; raises as `entry` does."""
    entries = load(path, "it lists what `weights:` in params.yaml names")
    if name not in entries:
        raise SightlineError(f"{path}: no weights '{name}': {nearest(name, entries)}")
    return _checked(path, name, entries[name], Weights)


def check(params: Params, layout: Layout) -> None:
    """Raise SightlineError for a mistake in an entry that params.yaml asks for."""
    for dataset in params.datasets:
        entry(layout.catalogue(params.catalogue_of(dataset)), dataset)
    for name in params.weights:
        weights(layout.weights_catalogue, name)


def _checked(path: Path, name: str, content: object, kind: type[T]) -> T:
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        raise SightlineError(explain(path, error, kind, name)) from None
