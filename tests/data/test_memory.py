"""preprocess, end to end, on an archive several times as large as the memory it may take."""

import io
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from sightline.data import arrays, source
from sightline.layout import Processed, Raw

MIB = 1 << 20
LIMIT = 192 * MIB  # of private memory, in each process; Python, numpy and PIL take 40 of it
ARCHIVE = 600 * MIB
FILE = 256 << 10  # about twice an image of ILSVRC2012

CHILD = """
import resource, sys
from pathlib import Path
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
from sightline.data import preprocess
from sightline.layout import Processed, Raw
from sightline.settings.params import Dataset
preprocess.worthwhile_processes = lambda count: int(sys.argv[2])
if __name__ == "__main__":
    longer = float(sys.argv[3])
    settings = Dataset(image_size=16, channels=3, val_size=0.1, longer_side=longer)
    preprocess.preprocess(Raw(Path("raw/many")), Processed(Path("processed/many")), settings)
"""


def write_archive(path):
    """A tar of class folders; each image is a real JPEG with a long end that no decoder needs, left
    as a hole in the file, so that writing the archive takes no time and no place on the disk.
    """
    count = ARCHIVE // FILE
    rng = np.random.default_rng(0)
    with path.open("wb") as archive:
        for row in range(count):
            split = "test" if row % 10 == 9 else "train"
            out = io.BytesIO()
            pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(out, "JPEG")
            info = tarfile.TarInfo(f"{split}/c{row % 2}/{row}.jpg")
            info.size = FILE
            archive.write(info.tobuf() + out.getvalue())
            archive.seek(FILE - len(out.getvalue()), os.SEEK_CUR)
        archive.write(bytes(2 * tarfile.BLOCKSIZE))
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mappings on Linux alone")
@pytest.mark.parametrize(("processes", "longer_side"), [(1, 1.0), (2, 1.0), (2, 1.333)])
def test_an_archive_larger_than_memory(tmp_path, processes, longer_side):
    raw, processed = Raw(tmp_path / "raw" / "many"), Processed(tmp_path / "processed" / "many")
    raw.path.mkdir(parents=True)
    count = write_archive(raw.path / "images.tar")
    about = {"dataset": "many", "catalogue": "test", "real": False, "note": "", "terms": "none"}
    about |= {"format": "folder", "classes": None, "polarity": None}
    size = (raw.path / "images.tar").stat().st_size
    line = {"name": "images.tar", "size": size, "sha256": "", "role": "images"}
    source.write(raw, about, [line])
    (tmp_path / "child.py").write_text(CHILD)
    done = subprocess.run(
        [sys.executable, "child.py", str(LIMIT), str(processes), str(longer_side)],
        cwd=tmp_path,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # each of its threads maps 40 MiB
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    counts = arrays.load_meta(processed)["counts"]
    assert sum(counts.values()) == count
    assert arrays.load_split(processed, "train")[0].any(axis=(1, 2, 3)).all()
