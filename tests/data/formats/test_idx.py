"""IDX files whose headers lie, that are cut short, or are something else."""

import gzip

import numpy as np
import pytest
from served import idx

from sightline.data.formats import idx as reader
from sightline.errors import SightlineError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def read(tmp_path, data, dimensions=3):
    path = tmp_path / "images.gz"
    path.write_bytes(data)
    return reader.read(path, dimensions)


def test_what_was_written_is_read(tmp_path):
    array = read(tmp_path, idx(IMAGES))
    assert array.dtype == np.uint8 and np.array_equal(array, IMAGES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (idx(IMAGES, (4, 4, 5)), "promises 4 x 4 x 5 = 80 bytes, it holds 60"),
        (idx(IMAGES, (2, 4, 5)), "promises 2 x 4 x 5 = 40 bytes, it holds more than 40"),
        (idx(IMAGES, (2**32 - 1, 2**32 - 1, 2**32 - 1)), "it holds 60"),
        (idx(IMAGES[0]), "begins with 00000803, this one with 00000802"),
        (gzip.compress(b"\0\0\x08\x03\0\0", mtime=0), "its header is cut short"),
        (gzip.compress(b"", mtime=0), "this one with nothing"),
        (b"<html>not found</html>", "is not a whole gzip file"),
        (idx(IMAGES)[:-12], "is not a whole gzip file"),
        (idx(IMAGES)[:30], "is not a whole gzip file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, data, message):
    with pytest.raises(SightlineError, match=f"images.gz.*{message}"):
        read(tmp_path, data)
