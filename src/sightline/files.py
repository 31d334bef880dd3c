"""Files that are written whole or not at all, and what a full disk means."""

import csv
import errno
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write to a temporary file beside `path`, flush it to the disk, and rename it.

    The rename also breaks a hard link into DVC's cache, where writing in place would spoil it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def spelled_out(name: str) -> str:
    r"""Return a file's name as text that can be printed and stored: a byte that is no UTF-8, which
    Python holds as a lone surrogate, as \xNN.
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_json(path: Path, value: object) -> None:
    """Write JSON that people can read and that is the same for the same value."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path, remedy: str, *keys: str) -> Any:
    """Return the value in a JSON file; SightlineError, ending in `remedy`, where it is missing or
    damaged, or, given `keys`, is no object that has them.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SightlineError(f"{path}: no such file: {remedy}") from None
    except ValueError as error:
        raise SightlineError(f"{path} is damaged ({error}): {remedy}") from None
    if lacking := [key for key in keys if not isinstance(value, dict) or key not in value]:
        raise SightlineError(f"{path} is damaged (it lacks {', '.join(lacking)}): {remedy}")
    return value


def read_table(path: Path, remedy: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file, each by its header; SightlineError, ending in `remedy`, where
    it is missing or was cut.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SightlineError(f"{path}: no such file: {remedy}") from None
    except ValueError as error:
        raise SightlineError(f"{path} is damaged ({error}): {remedy}") from None
    if not text.endswith("\n"):
        raise SightlineError(f"{path} is damaged (its last line was cut): {remedy}")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def md5(content: bytes) -> str:
    """Return the md5 that DVC gives a file: a name for it, and no protection against anybody."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5_of_folder(md5s: dict[str, str]) -> str:
    """Return the md5 that DVC gives a folder, from the md5 of each file by its path in there."""
    listed = [{"md5": md5s[name], "relpath": name} for name in sorted(md5s)]
    return md5(json.dumps(listed, sort_keys=True).encode()) + ".dir"


@contextmanager
def disk_errors(folder: Path | None = None) -> Iterator[None]:
    """Raise SightlineError in place of an OSError about room, or about the rights to a file.

    `folder` is where room lacks if the error names no file, as that of a write does not; without
    it nobody knows where.
    """
    try:
        yield
    except OSError as error:
        named = isinstance(error.filename, str)  # it may be a descriptor
        place = Path(error.filename) if named else folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            where = "a disk that is written to (the workspace's, that of temporary files)"
            if place:
                existing = next(p for p in (place, *place.absolute().parents) if p.exists())
                where = f"{place}: {shutil.disk_usage(existing).free:,} bytes are free there"
            raise SightlineError(
                f"{where}: {error.strerror}: make room, then run the same command again"
            ) from None
        if named and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SightlineError(
                f"{place}: {error.strerror}: Sightline reads or writes it: give it the right to"
            ) from None
        raise
