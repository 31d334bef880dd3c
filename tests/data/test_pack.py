"""A folder of this machine, packed as a tar: nothing of it is passed over."""

import ctypes
import os
import subprocess
import tarfile

import pytest
from served import run_download

from sightline.data.fetch import download
from sightline.data.formats import archives
from sightline.data.formats.survey import survey
from sightline.errors import SightlineError
from sightline.layout import Raw


@pytest.fixture
def fetch(catalogue, tmp_path):
    """Fetch a dataset of one folder; return its tar."""

    def run(url):
        file = {"name": "images.tar", "role": "images", "urls": [url]}
        raw = Raw(tmp_path / "raw" / "things")
        download(catalogue(files=[file]), raw, tmp_path / "parts")
        return raw.path / "images.tar"

    return run


def test_a_folder_is_packed_into_the_same_bytes_every_time(fetch, tmp_path):
    own = tmp_path / "own" / "cats"
    own.mkdir(parents=True)
    for name in ("b.png", "a.png", ".hidden.png"):
        (own / name).write_bytes(name.encode())
    url = f"file://{tmp_path}/own"
    packed = fetch(url)
    once = packed.read_bytes()
    os.utime(own / "a.png", (1, 1))
    assert fetch(url).read_bytes() == once
    listing = subprocess.run(["tar", "tf", packed], capture_output=True, text=True, check=True)
    assert listing.stdout.split() == ["cats/.hidden.png", "cats/a.png", "cats/b.png"]
    (own / "a.png").write_bytes(b"another cat")
    assert fetch(url).read_bytes() != once


def test_a_link_to_a_folder_is_refused_not_passed_over(fetch, tmp_path):
    for folder in ("own/dog", "cats"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.png").write_bytes(b"pixels")
    link = tmp_path / "own" / "cat"
    link.symlink_to(tmp_path / "cats")
    with pytest.raises(SightlineError, match=f"{link} is a link to the folder {tmp_path}/cats"):
        fetch(f"file://{tmp_path}/own")
    link.unlink()
    (tmp_path / "own" / "dog" / "2.png").symlink_to(tmp_path / "cats" / "1.png")
    with tarfile.open(fetch(f"file://{tmp_path}/own")) as tar:
        assert tar.getnames() == ["dog/1.png", "dog/2.png"]


@pytest.mark.faults
def test_nothing_of_a_folder_is_passed_over(fetch, tmp_path):
    own = tmp_path / "own"
    (own / "bird").mkdir(parents=True)
    (own / "cat" / ".git").mkdir(parents=True)
    (own / "cat" / ".git" / "config").write_bytes(b"secret")
    (own / "cat" / ".hidden").write_bytes(b"secret")
    (own / "cat" / "1.png").write_bytes(b"pixels")
    (own / "cat" / "2.png").symlink_to(tmp_path / "gone")
    os.mkfifo(own / "cat" / "3.png")
    packed = fetch(f"file://{tmp_path}/own")
    assert b"secret" not in packed.read_bytes()
    content = survey(archives.members(packed))
    assert content.places == [("cat",)]
    assert content.left_out == {
        ("empty", ("bird",)): 1,
        ("hidden", ("cat",)): 2,
        ("links that lead nowhere", ("cat",)): 1,
        ("neither files nor folders", ("cat",)): 1,
    }


@pytest.mark.faults
@pytest.mark.parametrize("path", ["cat", "cat/1.png"])
def test_what_may_not_be_read_is_named(catalogue, tmp_path, path):
    def lose_rights():  # root would read it all the same
        prctl, drop, override, search = ctypes.CDLL(None).prctl, 24, 1, 2
        for capability in (override, search):
            prctl(drop, capability, 0, 0, 0)

    own = tmp_path / "own"
    for name in ("cat/1.png", "dog/2.png"):
        (own / name).parent.mkdir(parents=True)
        (own / name).write_bytes(b"pixels")
    (own / path).chmod(0)
    file = {"name": "images.tar", "role": "images", "urls": [f"file://{own}"]}
    done = run_download(catalogue(files=[file]), tmp_path, preexec_fn=lose_rights)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{own / path}: Permission denied" in done.stderr
    assert not (tmp_path / "things" / "source.json").exists()


@pytest.mark.faults
def test_a_folder_whose_name_is_no_utf8(fetch, tmp_path):
    own = tmp_path / "caf\udce9" / "cat\udcff"
    own.mkdir(parents=True)
    (own / "1.png").write_bytes(b"pixels")
    packed = fetch(f"file://{tmp_path}/caf%E9")
    assert [member.name for member in archives.files(packed)] == ["cat\\xff/1.png"]
