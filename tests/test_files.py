"""Files: which disk is full, and what is not changed about other errors."""

import errno
import os
import shutil
import sys

import pytest

from sightline.errors import SightlineError
from sightline.files import disk_errors


def full(path: str | int | None = None) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@pytest.mark.faults
def test_a_full_disk_is_the_one_that_the_error_names(tmp_path):
    if sys.platform != "linux" or shutil.disk_usage("/proc").free:
        pytest.skip("no disk without room is known here")
    with (
        pytest.raises(SightlineError, match="/proc/nowhere: 0 bytes are free"),
        disk_errors(tmp_path),
    ):
        raise full("/proc/nowhere")


@pytest.mark.faults
@pytest.mark.parametrize("name", [None, 1])
def test_a_full_disk_that_the_error_does_not_name(tmp_path, name):
    with pytest.raises(SightlineError, match=rf"{tmp_path}: .* bytes"), disk_errors(tmp_path):
        raise full(name)
    with pytest.raises(SightlineError, match=r"a disk that .*: No space left"), disk_errors():
        raise full(name)


def test_other_errors_of_the_system_are_not_dressed_up(tmp_path):
    with pytest.raises(OSError, match="Input/output"), disk_errors(tmp_path):
        raise OSError(errno.EIO, "Input/output error")
