"""What is inside a tar (of any compression) or a zip, one after the other, never unpacked."""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Protocol

from sightline.errors import SightlineError
from sightline.files import spelled_out

LEFT_OUT = "SIGHTLINE.left_out"  # a pax header: why a packed folder's tar lacks this file's content

_LARGEST = 256 << 20  # bytes; no image is that large, an archive that attacks may claim to hold one
_UTF8 = 0x800  # the flag of a zip's member whose name is UTF-8


class Reader(Protocol):
    """Returns the content of a member, or no more than its first `limit` bytes."""

    def __call__(self, limit: int | None = None) -> bytes: ...  # noqa: D102


class Member(NamedTuple):
    """A file or a folder of an archive. `read` works until the next member is asked for.

    `name` has slashes between its parts, and spells out bytes that are no UTF-8. `left_out` says
    why the tar of a packed folder names a file without its content.
    """

    name: str
    read: Reader
    is_folder: bool = False
    left_out: str | None = None


def files(path: Path) -> Iterator[Member]:
    """Yield the plain files of an archive. Else as `members`."""
    return (member for member in members(path) if not member.is_folder)


def members(path: Path) -> Iterator[Member]:
    """Yield the plain files and folders of an archive, in its order, whatever their number.

    Raises SightlineError where it is no whole tar or zip, and, naming the member, for an absolute
    name, one with `..`, a link or a device. Nothing is ever written under a member's name.
    """
    if not path.stat().st_size:
        raise SightlineError(f"{path} is empty")
    with _damage_named(path):
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                yield from _tar_members(path, tar)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from _zip_members(path, archive)
        else:
            raise SightlineError(f"{path} is neither a tar nor a zip")


def members_of_tars(path: Path) -> Iterator[Member]:
    """Yield each tar in an uncompressed tar as a folder, then its members, named TAR/NAME; else as
    `members`.
    """
    with _damage_named(path), tarfile.open(path, "r:") as outer:
        for info in _safe(path, outer):
            inside = Path(path, info.name)
            if info.isdir() or not info.name.endswith(".tar"):
                raise SightlineError(f"{inside}: a tar of tars was expected, this is another file")
            name = spelled_out(info.name)
            yield Member(name, _no_content, is_folder=True)
            with tarfile.open(fileobj=_opened(outer, info), mode="r:") as inner:
                for member in _tar_members(inside, inner):
                    yield member._replace(name=f"{name}/{member.name}")


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


def _safe(path: Path, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := tar.next()) is not None:
        # or it would remember every member it has passed
        tar.members.clear()  # pyright: ignore[reportAttributeAccessIssue] (typeshed lacks it)
        _refuse_unsafe(path, info)
        yield info
    # tarfile takes a damaged header for the end of the archive; a real end is zeros or nothing
    tar.fileobj.seek(tar.offset)
    if any(tar.fileobj.read(tarfile.BLOCKSIZE)):
        raise SightlineError(f"{path} is damaged at byte {tar.offset:,}: no header of a member")


def _tar_members(path: Path, tar: tarfile.TarFile) -> Iterator[Member]:
    for info in _safe(path, tar):
        read = _reader(path, info.name, info.size, partial(_opened, tar, info))
        left_out = info.pax_headers.get(LEFT_OUT)
        yield Member(spelled_out(info.name), read, info.isdir(), left_out)


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        _refuse_name(path, info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SightlineError(_refusal(path, info.filename, "a link"))
        name = _zip_name(info)
        read = _reader(path, info.filename, info.file_size, partial(archive.open, info))
        yield Member(name, read, is_folder=name.endswith("/"))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a name with the slashes that Windows' programs forget, and its letters as they were.

    Without the flag of UTF-8, zipfile reads a name as code page 437. Many programs write UTF-8
    without the flag; bytes of any other code page are spelled out, nobody knows which one it is.
    """
    name = info.filename.replace("\\", "/")
    if not info.flag_bits & _UTF8:
        # what cp437 lacks stands in a header of Unicode's own
        with suppress(UnicodeEncodeError):
            name = spelled_out(name.encode("cp437").decode("utf-8", "surrogateescape"))
    return name


def _no_content(limit: int | None = None) -> bytes:
    return b""


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    assert stream, "None is for folders and devices"
    return stream


def _reader(path: Path, name: str, size: int, opened: Callable[[], IO[bytes]]) -> Reader:
    def read(limit: int | None = None) -> bytes:
        if limit is None and size > _LARGEST:
            raise SightlineError(_refusal(path, name, f"{size:,} bytes long"))
        with _damage_named(path), opened() as stream:
            return stream.read(size if limit is None else limit)

    return read


def _refuse_unsafe(path: Path, info: tarfile.TarInfo) -> None:
    """Refuse what Python's own data_filter would, which Python 3.11 has from 3.11.4 on alone."""
    _refuse_name(path, info.name)
    if info.issym() or info.islnk():
        raise SightlineError(_refusal(path, info.name, f"a link to {info.linkname!r}"))
    if not (info.isfile() or info.isdir()):
        raise SightlineError(_refusal(path, info.name, "a device or another special file"))


def _refuse_name(path: Path, name: str) -> None:
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[/\\]", name):
        raise SightlineError(_refusal(path, name, "an absolute name"))
    if ".." in name.replace("\\", "/").split("/"):
        raise SightlineError(_refusal(path, name, "a name that leads out of the archive"))


def _refusal(path: Path, name: str, what: str) -> str:
    return (
        f"{path}: member {name!r} is {what}: the archive is refused, do not trust where it is from"
    )
