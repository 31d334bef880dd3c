"""Fetch the files of a dataset into its folder: over https, from this machine, or drawn."""

import errno
import fcntl
import hashlib
import logging
import os
import shutil
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sightline.data import source
from sightline.data.formats import archives
from sightline.data.transfer import PATIENT, Network, alone, transfer
from sightline.errors import SightlineError
from sightline.files import disk_errors
from sightline.layout import Layout, Raw
from sightline.settings import catalogue
from sightline.settings.catalogue import File

log = logging.getLogger(__name__)

_CHUNK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h: the copy shares the original's blocks until one is written to


def download(
    catalogue_path: Path,
    raw: Raw,
    parts: Path,
    network: Network = PATIENT,
) -> None:
    """Bring the files of the dataset `raw` into its folder, checked against the catalogue, and
    source.json.

    `parts` keeps what an interrupted fetch has got so far; the next one resumes from it. Files
    that are there already and are right are kept, everything else in the folder is removed.
    Raises SightlineError: no such entry, no source gives the right file, no place on the disk.
    """
    dataset, folder = raw.name, raw.path
    entry = catalogue.entry(catalogue_path, dataset)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        # what has no digest cannot be known to be right; what is drawn must not be drawn into a
        # file that DVC has linked to its cache
        _clear(folder, keep={file.name for file in entry.files if file.digest})
        if entry.draw is not None:
            from sightline.sample import draw

            draw(dataset, asdict(entry), folder)
            files = [inspect(file, folder / file.name, folder / file.name) for file in entry.files]
        else:
            files = [_fetch(file, folder / file.name, parts, network) for file in entry.files]
        about = {
            "dataset": dataset,
            "catalogue": catalogue_path.stem,
            "real": entry.real,
            "note": entry.note,
            "format": entry.format,
            "terms": entry.terms,
            "classes": entry.classes,
            "polarity": entry.polarity,
        }
        if entry.without_images:
            about["without_images"] = entry.without_images
        source.write(raw, about, files)
    log.info("%s", _brought(dataset, files, folder))


def download_weights(name: str, layout: Layout, network: Network = PATIENT) -> None:
    """Bring the file of weights into their folder, as `download` does it with a dataset's."""
    folder, entry = layout.weights(name), catalogue.weights(layout.weights_catalogue, name)
    with disk_errors(folder.path):
        folder.path.mkdir(parents=True, exist_ok=True)
        _clear(folder.path, keep={entry.file.name} if entry.file.digest else set())
        target = folder.path / entry.file.name
        line = _fetch(entry.file, target, layout.state.downloads, network)
        about = {
            "weights": name,
            "note": entry.note,
            "terms": entry.terms,
            "format": entry.format,
            "names": entry.names,
        }
        source.write(folder, about, [line])
    log.info("%s", _brought(name, [line], folder.path))


def _brought(name: str, files: list[dict[str, Any]], folder: Path) -> str:
    """Return what was brought, in a line."""
    size = sum(file["size"] for file in files) / 1e6
    number = f"{len(files)} files" if len(files) > 1 else "1 file"
    return f"{name}: {number}, {size:,.1f} MB, checked, in {folder}"


def _clear(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in keep:
            path.unlink()


def _fetch(file: File, target: Path, parts: Path, network: Network) -> dict[str, Any]:
    """Bring one file to `target` (or check it where it lies); return its line in source.json."""
    if file.in_place:
        path = source.locate(file.urls[0])
        return {**inspect(file, path, path), "url": file.urls[0]}
    if target.exists():
        try:
            return inspect(file, target, target)
        except SightlineError as wrong:
            log.info("%s: it is fetched again", wrong)
    failures = []
    for url in file.urls:
        if url.startswith("file:"):
            try:
                return _copy(file, source.locate(url), target)
            except SightlineError as error:
                failures.append(str(error))
    if not file.remote:
        raise SightlineError("; ".join(failures) + ": put it there, or correct the catalogue")
    parts.mkdir(parents=True, exist_ok=True)
    part = parts / f"{file.digest}.part"
    with alone(part):
        line = transfer(file, part, network, lambda path: inspect(file, path, file.name))
        _move(part, target)
    return line


def inspect(file: File, path: Path, shown: Path | str) -> dict[str, Any]:
    """Return the line of source.json for a file that is what the catalogue says.

    Raises SightlineError, speaking of it as `shown`, where it is missing, or its size or digest is
    another.
    """
    if not path.is_file():
        raise SightlineError(f"{shown}: no such file")
    size = path.stat().st_size
    if file.size not in (None, size):
        raise SightlineError(f"{shown} has {size:,} bytes, the catalogue says {file.size:,}")
    digests = _digests(path, ["sha256", *(["md5"] if file.md5 else [])])
    for name, digest in digests.items():
        expected = getattr(file, name)
        if expected not in (None, digest):
            raise SightlineError(f"{shown}: {name} is {digest}, the catalogue says {expected}")
    if not digests["sha256"].startswith(file.sha256_begins or ""):
        raise SightlineError(
            f"{shown}: sha256 is {digests['sha256']}, the catalogue says {file.sha256_begins}.."
        )
    return {"name": file.name, "size": size, "sha256": digests["sha256"], "role": file.role}


def _digests(path: Path, names: list[str]) -> dict[str, str]:
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    size = path.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, desc=f"check {path.name}", disable=None)
    with path.open("rb") as stream, bar:
        while chunk := stream.read(_CHUNK):
            for digest in hashes.values():
                digest.update(chunk)
            bar.update(len(chunk))
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def _copy(file: File, path: Path, target: Path) -> dict[str, Any]:
    """Copy a file of this machine (a folder: packed as a tar), check the copy, put it in place.

    A reflink where the filesystem has them, never a hard link: DVC makes what it caches read-only,
    and through a hard link that would be the user's own file.
    """
    if not path.exists():
        raise SightlineError(f"{path}: no such file or folder")
    temporary = target.with_name(f".{target.name}.part")
    try:
        if path.is_dir():
            _pack(path, temporary)
        else:
            _reflink_or_copy(path, temporary)
        line = inspect(file, temporary, path)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return line


def _reflink_or_copy(path: Path, target: Path) -> None:
    with path.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:  # another filesystem, or one without reflinks
            shutil.copyfileobj(old, new, _CHUNK)


def _pack(folder: Path, target: Path) -> None:
    """Write a folder as a tar whose bytes depend on names and contents alone.

    Nothing is passed over: an empty folder is a member, and what is hidden, a link that leads
    nowhere and what is neither file nor folder are members without content, for preprocess to
    count. Raises SightlineError for a link to a folder, which is not followed: it may lead in a
    circle; OSError for what may not be read.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _pack_inside(tar, folder, "")


def _pack_inside(tar: tarfile.TarFile, folder: Path, at: str) -> None:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        path, info = folder / entry.name, tarfile.TarInfo(f"{at}{entry.name}")
        hidden = entry.name.startswith(".")
        if entry.is_dir(follow_symlinks=False):
            if hidden or not any(path.iterdir()):
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                _pack_inside(tar, path, f"{info.name}/")
        elif hidden:
            tar.addfile(info)
        elif path.is_dir():
            raise SightlineError(
                f"{path} is a link to the folder {path.resolve()}, and links to folders are "
                "not followed: put that folder, or a copy of it, in the link's place"
            )
        elif path.is_file():
            with path.open("rb") as stream:
                info.size = os.fstat(stream.fileno()).st_size
                tar.addfile(info, stream)
        else:
            reason = "links that lead nowhere" if path.is_symlink() else "neither files nor folders"
            info.pax_headers = {archives.LEFT_OUT: reason}
            tar.addfile(info)


def _move(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        temporary = target.with_name(f".{target.name}.part")
        shutil.copyfile(part, temporary)
        temporary.replace(target)
        part.unlink()
