"""`sightline verify`: a published folder is complete, unchanged and true. No torch, no DVC."""

from pathlib import Path

from sightline.errors import SightlineError
from sightline.files import read_json
from sightline.inference.session import Session
from sightline.layout import PublishedFiles
from sightline.publishing.front_matter import front_matter
from sightline.publishing.labels import labels
from sightline.publishing.provenance import check_provenance
from sightline.publishing.sbom import check_sbom
from sightline.publishing.signature import check_signature
from sightline.publishing.sums import check_sums
from sightline.publishing.vectors import check_vectors


def verify(folder: Path, key: Path | None = None) -> list[str]:
    """Return a line for each check that a published folder has passed.

    The signature is checked where a public `key` is given: without one nobody can tell whose it is.
    Raises SightlineError that names the first file that is missing, too many, changed or false.
    """
    files = PublishedFiles(folder)
    if not folder.is_dir():
        raise SightlineError(f"{folder}: no such folder")
    lines = [check_sums(files)]
    if key:
        lines.append(check_signature(files, key))
    elif files.signature.is_file():
        lines.append(f"{files.signature.name} not checked: that takes the public key, --key")
    metadata = Session(files.onnx).metadata
    source = check_provenance(files, metadata["name"])
    _check_card(files, front_matter(metadata, source["seed"], source["license"]))
    _check_labels(files, labels(metadata))
    lines.append(f"{source['model']} of commit {source['commit'][:12]}: `{source['again']}`")
    lines.append(check_sbom(files))
    lines.append(check_vectors(files))
    return lines


def _check_card(files: PublishedFiles, head: bytes) -> None:
    if not files.card.read_bytes().startswith(head):
        raise SightlineError(
            f"{files.card}: its front-matter is not what {files.onnx.name} says of itself: fetch "
            f"{files.path} again"
        )


def _check_labels(files: PublishedFiles, names: list[str] | None) -> None:
    again = f"fetch {files.path} again"
    actual = read_json(files.labels, again) if names is not None else None
    if actual != names:
        raise SightlineError(
            f"{files.labels}: not the classes that {files.onnx.name} says it has: {again}"
        )
