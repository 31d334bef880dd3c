"""Archives that attack, are damaged, or hold more than memory does."""

import io
import stat
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest

from sightline.data.formats import archives
from sightline.errors import SightlineError


def member(name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(path, *members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path):
    return [(member.name, member.read()) for member in archives.files(path)]


def test_a_tar_by_the_first_python_3_11(tmp_path, monkeypatch):
    """Debian 12 has 3.11.2; tarfile's filters came with 3.11.4."""
    for name in ("FilterError", "data_filter"):
        monkeypatch.delattr(tarfile, name, raising=False)
    path = tar(tmp_path / "a.tar", member("a/1.png", b"one"))
    assert read(path) == [("a/1.png", b"one")]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_of_any_compression(tmp_path, mode):
    path = tar(tmp_path / "a.tar", member("a/", type=tarfile.DIRTYPE), member("a/1", b"one"),
               member("a/2", b"two"), mode=mode)  # fmt: skip
    assert read(path) == [("a/1", b"one"), ("a/2", b"two")]


def test_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.mkdir("a")
        archive.writestr("a/1", "one")
    assert read(tmp_path / "a.zip") == [("a/1", b"one")]


@pytest.mark.parametrize(
    ("evil", "message"),
    [
        (member("../out.png", b"x"), "member '../out.png' is a name that leads out"),
        (member("a/../../out.png", b"x"), "leads out of the archive"),
        (member("/etc/passwd", b"x"), "member '/etc/passwd' is an absolute name"),
        (member("..\\out.png", b"x"), "leads out of the archive"),
        (member("a/l", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link to '/etc/passwd'"),
        (member("a/l", type=tarfile.SYMTYPE, linkname="b"), "member 'a/l' is a link to 'b'"),
        (member("a/h", type=tarfile.LNKTYPE, linkname="a/1"), "member 'a/h' is a link to 'a/1'"),
        (member("a/d", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "member 'a/d' is a device"),
        (member("a/d", type=tarfile.BLKTYPE), "member 'a/d' is a device"),
        (member("a/f", type=tarfile.FIFOTYPE), "member 'a/f' is a device or another special file"),
    ],
)
def test_members_that_attack_are_refused_by_name(tmp_path, evil, message):
    path = tar(tmp_path / "a.tar", member("a/1", b"one"), evil)
    with pytest.raises(SightlineError) as caught:
        read(path)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]
    outer = tar(tmp_path / "outer.tar", member("n01.tar", path.read_bytes()))
    with pytest.raises(SightlineError, match=r"outer.tar/n01.tar: member"):
        list(archives.members_of_tars(outer))


@pytest.mark.parametrize("name", ["../out.png", "/etc/passwd"])
def test_names_in_a_zip_that_attack(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(SightlineError, match="the archive is refused"):
        read(tmp_path / "a.zip")


def test_a_link_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("a/l.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(SightlineError, match=r"'a/l.png' is a link"):
        read(tmp_path / "a.zip")


def test_a_member_too_large_to_be_an_image_is_not_read(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive, path.open("r+b") as file:
        info, _ = member("a/1.png")
        info.size = 300 << 20
        archive.fileobj.write(info.tobuf())
        file.truncate((300 << 20) + 2048)  # a hole: no place on the disk is taken
    with pytest.raises(SightlineError, match=r"'a/1.png' is 314,572,800 bytes long"):
        read(path)


@pytest.mark.faults
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_cut_short(tmp_path, mode):
    noise = np.random.RandomState(0).bytes(10_000)
    path = tar(
        tmp_path / "a.tar", member("a/1", noise[:5000]), member("a/2", noise[5000:]), mode=mode
    )
    data = path.read_bytes()
    for length in (9000, 6000, 3000, 600, 60):
        path.write_bytes(data[:length])
        with pytest.raises(SightlineError, match=r"a.tar is (damaged|neither)"):
            read(path)


@pytest.mark.faults
def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    path = tar(tmp_path / "a.tar", member("a/1", b"one"), member("a/2", b"two"))
    data = bytearray(path.read_bytes())
    data[1024 + 150] ^= 0xFF  # in the checksum of the second header
    path.write_bytes(data)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["a/1"]  # Python's reader says nothing
    with pytest.raises(SightlineError, match="damaged at byte 1,024"):
        read(path)


@pytest.mark.faults
def test_a_zip_that_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/1", "one" * 1000)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[500] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(SightlineError, match=r"a.zip is damaged"):
        read(tmp_path / "a.zip")


def test_a_name_in_a_zip_that_is_no_utf8(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/\N{CAT FACE}.png", "one")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace("\N{CAT FACE}".encode(), b"\xf0\xff\xff\xff"))
    with pytest.raises(SightlineError, match=r"a.zip is damaged .*codec can't decode"):
        read(tmp_path / "a.zip")


def test_a_number_in_a_tar_that_is_none(tmp_path):
    sparse = member("a/1", b"one", pax_headers={"GNU.sparse.size": "3", "GNU.sparse.map": "0,?"})
    with pytest.raises(SightlineError, match=r"a.tar is damaged .*invalid literal"):
        read(tar(tmp_path / "a.tar", sparse))
    inner = tar(tmp_path / "inner.tar", member("n01_1.JPEG", b"x"), sparse).read_bytes()
    with pytest.raises(SightlineError, match=r"a.tar is damaged .*invalid literal"):
        list(archives.members_of_tars(tar(tmp_path / "a.tar", member("n01.tar", inner))))


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"<html>")
    with pytest.raises(SightlineError, match="neither a tar nor a zip"):
        read(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(SightlineError, match="is empty"):
        read(tmp_path / "a.tar")


def test_a_tar_of_tars_holds_tars_only(tmp_path):
    inner = tar(tmp_path / "inner.tar", member("n01_1.JPEG", b"x"))
    good = tar(tmp_path / "good.tar", member("n01.tar", inner.read_bytes()))
    assert [(m.name, m.read()) for m in archives.members_of_tars(good)] == [
        ("n01.tar", b""),
        ("n01.tar/n01_1.JPEG", b"x"),
    ]
    with pytest.raises(SightlineError, match=r"README: a tar of tars was expected"):
        list(archives.members_of_tars(tar(tmp_path / "bad.tar", member("README", b"x"))))


def test_files_that_nobody_asks_for_are_not_read(tmp_path):
    """An archive of 60 kB that would fill 60 MB."""
    large = bytes(30 << 20)
    path = tar(tmp_path / "a.tar.gz", member("a/meta", b"m"), member("a/meta.old", large),
               member("b/test", b"t"), member("b/latest", large), mode="w:gz")  # fmt: skip
    del large
    tracemalloc.start()
    try:
        assert archives.contents(path, r"meta|test") == {"meta": b"m", "test": b"t"}
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 << 20


def test_memory_does_not_grow_with_the_number_of_members(tmp_path):
    path = tar(tmp_path / "a.tar", *(member(f"a/{number}.png", b"x") for number in range(1000)))
    tracemalloc.start()
    try:
        assert sum(len(member.read()) for member in archives.files(path)) == 1000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 500_000  # remembering 1,000 members takes 1 MB
