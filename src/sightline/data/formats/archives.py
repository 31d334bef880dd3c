"""The files inside a tar (of any compression) or a zip, one after the other, never unpacked."""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from sightline.errors import SightlineError

_LARGEST = 256 << 20  # bytes; no image is that large, an archive that attacks may claim to hold one


class Member(NamedTuple):
    """A file of an archive. `read()` works until the next member is asked for."""

    name: str
    read: Callable[[], bytes]


def files(path: Path) -> Iterator[Member]:
    """Yield the plain files of an archive, in its order. Memory does not grow with their number.

    Raises SightlineError where it is no whole tar or zip, and, naming the member, for an absolute
    name, one with `..`, a link or a device. Nothing is ever written under a member's name.
    """
    if not path.stat().st_size:
        raise SightlineError(f"{path} is empty")
    with _damage_named(path):
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                yield from _tar_files(path, tar)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from _zip_files(path, archive)
        else:
            raise SightlineError(f"{path} is neither a tar nor a zip")


def files_of_tars(path: Path) -> Iterator[Member]:
    """Yield the files of the tars in an uncompressed tar, named TAR/FILE; else as `files`."""
    with _damage_named(path), tarfile.open(path, "r:") as outer:
        for info in _members(path, outer):
            inside = Path(path, info.name)
            if not info.name.endswith(".tar"):
                raise SightlineError(f"{inside}: a tar of tars was expected, this is another file")
            with tarfile.open(fileobj=_opened(outer, info), mode="r:") as inner:
                for name, read in _tar_files(inside, inner):
                    yield Member(f"{info.name}/{name}", read)


def contents(path: Path, names: str) -> dict[str, bytes]:
    """Return the files of an archive whose names, without folders, match the whole of a regular
    expression, by that name. No other file is read. Raises SightlineError as `files`.
    """
    wanted = re.compile(names)
    return {
        name: member.read()
        for member in files(path)
        if wanted.fullmatch(name := PurePosixPath(member.name).name)
    }


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Raise SightlineError, naming the archive, for all that the standard library raises."""
    try:
        yield
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError),
        *(NotImplementedError, RuntimeError),  # zipfile: unknown compression, encrypted
        ValueError,  # a zip's name that is no UTF-8, a number of a tar's sparse header that is none
    ) as error:
        why = str(error) or type(error).__name__
        raise SightlineError(f"{path} is damaged or not a whole archive: {why}") from None


def _members(path: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := tar.next()) is not None:
        # or it would remember every member it has passed
        tar.members.clear()  # pyright: ignore[reportAttributeAccessIssue] (typeshed lacks it)
        _refuse_unsafe(path, info)
        if info.isfile():
            yield info
    # tarfile takes a damaged header for the end of the archive; a real end is zeros or nothing
    tar.fileobj.seek(tar.offset)
    if any(tar.fileobj.read(tarfile.BLOCKSIZE)):
        raise SightlineError(f"{path} is damaged at byte {tar.offset:,}: no header of a member")


def _tar_files(path: Path, tar: tarfile.TarFile) -> Iterator[Member]:
    for info in _members(path, tar):
        yield Member(info.name, _reader(path, info.name, info.size, partial(_opened, tar, info)))


def _zip_files(path: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        _refuse_name(path, info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SightlineError(_refusal(path, info.filename, "a link"))
        if not info.is_dir():
            reader = _reader(path, info.filename, info.file_size, partial(archive.open, info))
            yield Member(info.filename, reader)


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    assert stream, "None is for folders and devices"
    return stream


def _reader(
    path: Path, name: str, size: int, opened: Callable[[], IO[bytes]]
) -> Callable[[], bytes]:
    def read() -> bytes:
        if size > _LARGEST:
            raise SightlineError(_refusal(path, name, f"{size:,} bytes long"))
        with _damage_named(path), opened() as stream:
            return stream.read(size)

    return read


def _refuse_unsafe(path: Path, info: tarfile.TarInfo) -> None:
    _refuse_name(path, info.name)
    if info.issym() or info.islnk():
        raise SightlineError(_refusal(path, info.name, f"a link to {info.linkname!r}"))
    if not (info.isfile() or info.isdir()):
        raise SightlineError(_refusal(path, info.name, "a device or another special file"))
    try:
        tarfile.data_filter(info, str(path.parent))  # what Python's own extraction would refuse
    except tarfile.FilterError as error:
        raise SightlineError(_refusal(path, info.name, f"unsafe ({error})")) from None


def _refuse_name(path: Path, name: str) -> None:
    if name.startswith(("/", "\\")):
        raise SightlineError(_refusal(path, name, "an absolute name"))
    if ".." in name.replace("\\", "/").split("/"):
        raise SightlineError(_refusal(path, name, "a name that leads out of the archive"))


def _refusal(path: Path, name: str, what: str) -> str:
    return (
        f"{path}: member {name!r} is {what}: the archive is refused, do not trust where it is from"
    )
