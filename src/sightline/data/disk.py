"""What a full disk and a folder that may not be written to mean, in one line."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline.errors import SightlineError


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise SightlineError in place of an OSError about room or rights in `folder`."""
    try:
        yield
    except OSError as error:
        place = error.filename or folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            room = shutil.disk_usage(next(p for p in (folder, *folder.parents) if p.exists())).free
            raise SightlineError(
                f"{place}: {error.strerror}: {room:,} bytes are free there: make room, then run "
                "the same command again"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SightlineError(
                f"{place}: {error.strerror}: Sightline must be able to write to {folder}"
            ) from None
        raise
