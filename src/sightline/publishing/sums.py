"""SHA256SUMS: the digest of every file of a published folder, in the form of `sha256sum`."""

import hashlib
import re

from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.layout import PublishedFiles

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
# what hubs and their clients put into a folder of their own accord
OF_HUBS = (".git", ".gitattributes", ".cache")


def write_sums(files: PublishedFiles) -> None:
    """Write SHA256SUMS of all files that are there, in the order of their names."""
    names = sorted(present(files))
    write_atomically(files.sums, "".join(f"{_sha256(files, name)}  {name}\n" for name in names))


def read_sums(files: PublishedFiles) -> dict[str, str]:
    """Return the digests by name; SightlineError where the file is missing or has another form."""
    if not files.sums.is_file():
        raise SightlineError(
            f"{files.path}: no {files.sums.name}: not what `sightline publish` wrote, or a part of "
            "it: fetch it again"
        )
    text = files.sums.read_text(encoding="utf-8", errors="replace")
    matches = [_LINE.fullmatch(line) for line in text.splitlines()]
    if not matches or not text.endswith("\n") or None in matches:
        raise SightlineError(f"{files.sums} is damaged: fetch {files.path} again")
    return {match[2]: match[1] for match in matches if match}


def present(files: PublishedFiles) -> set[str]:
    """Return the names of the files that are there, but for SHA256SUMS, the signature and what hubs
    add.
    """
    names = {p.relative_to(files.path).as_posix() for p in files.path.rglob("*") if p.is_file()}
    names -= {files.sums.name, files.signature.name}
    return {name for name in names if name.split("/")[0] not in OF_HUBS}


def check_sums(files: PublishedFiles) -> str:
    """Return a line about all files; SightlineError that names one that is missing, too many or
    changed.
    """
    sums, names = read_sums(files), present(files)
    if missing := sorted(sums.keys() - names):
        raise SightlineError(f"{files.path / missing[0]} is missing: fetch {files.path} again")
    if extra := sorted(names - sums.keys()):
        raise SightlineError(
            f"{files.path / extra[0]} does not stand in {files.sums.name}: whoever published the "
            "folder did not put it there: delete it"
        )
    for name, digest in sums.items():
        actual = _sha256(files, name)
        if actual != digest:
            raise SightlineError(
                f"{files.path / name}: SHA-256 is {actual[:12]}.., {files.sums.name} says "
                f"{digest[:12]}..: it was changed or damaged: fetch it again"
            )
    return f"{len(sums)} files as {files.sums.name} lists them"


def _sha256(files: PublishedFiles, name: str) -> str:
    return hashlib.sha256((files.path / name).read_bytes()).hexdigest()
