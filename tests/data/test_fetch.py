"""Fetching against a real HTTPS server that fails in every way a server can."""

import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from served import (
    complete,
    cut,
    digest,
    first,
    in_pieces,
    ranged,
    run_download,
    stall,
    status,
)

from sightline.data import fetch as fetching
from sightline.data import source
from sightline.data.fetch import download
from sightline.data.transfer import Network
from sightline.errors import SightlineError, TryAgain
from sightline.host.locks import waited_for
from sightline.layout import Layout, Raw

DATA = bytes(range(256)) * 4096  # 1 MiB
IMPATIENT = Network(rounds=3, timeout=0.5, pause=0.01)


@pytest.fixture
def fetch(catalogue, tmp_path):
    """Fetch a folder dataset of one file, `images.tar`, from these URLs; return the file's path."""

    def run(*urls, network=IMPATIENT, **file):
        entry = {"name": "images.tar", "role": "images", "urls": list(urls)}
        entry |= {"size": len(DATA), "sha256": digest(DATA)} | file
        entry = {key: value for key, value in entry.items() if value is not None}
        raw = Raw(tmp_path / "raw" / "things")
        download(catalogue(files=[entry]), raw, tmp_path / "parts", network)
        return raw.path / "images.tar"

    return run


def part(tmp_path: Path) -> Path:
    return tmp_path / "parts" / f"{digest(DATA)}.part"


def test_a_file_comes_whole_with_its_record(fetch, server, tmp_path):
    path = fetch(server.at("/a", complete(DATA)))
    assert path.read_bytes() == DATA
    about, paths = source.read(Raw(path.parent))
    assert paths == {"images": path}
    assert about["files"] == [
        {"name": "images.tar", "size": len(DATA), "sha256": digest(DATA), "role": "images"}
    ]
    assert (about["dataset"], about["catalogue"], about["real"]) == ("things", "test", False)
    assert not part(tmp_path).exists()


def test_a_file_that_is_there_is_not_fetched_again(fetch, server):
    url = server.at("/a", complete(DATA))
    fetch(url)
    fetch(url)
    assert len(server.seen) == 1


def test_a_file_that_was_changed_is_fetched_again(fetch, server):
    url = server.at("/a", complete(DATA))
    fetch(url).write_bytes(b"x" * len(DATA))
    assert fetch(url).read_bytes() == DATA


def test_what_the_catalogue_does_not_list_is_removed(fetch, server):
    url = server.at("/a", complete(DATA))
    folder = fetch(url).parent
    (folder / "old.gz").write_bytes(b"of another catalogue")
    fetch(url)
    assert sorted(path.name for path in folder.iterdir()) == ["images.tar", "source.json"]


@pytest.mark.faults
def test_a_cut_transfer_is_resumed_where_it_stopped(fetch, server):
    url = server.at("/a", first(cut(DATA, 300_000), ranged(DATA)))
    assert fetch(url).read_bytes() == DATA
    assert server.seen == [("/a", None), ("/a", "bytes=300000-")]


def test_an_interrupted_run_is_resumed_by_the_next(fetch, server, tmp_path):
    url = server.at("/a", cut(DATA, 300_000))
    with pytest.raises(TryAgain, match="it resumes"):
        fetch(url, network=Network(rounds=1, timeout=0.5, pause=0.01))
    assert part(tmp_path).stat().st_size == 300_000
    server.at("/a", ranged(DATA))
    assert fetch(url).read_bytes() == DATA
    assert server.seen[-1] == ("/a", "bytes=300000-")


@pytest.mark.faults
def test_a_host_that_breaks_off_again_and_again_is_asked_as_long_as_the_file_grows(fetch, server):
    tenth = len(DATA) // 10 + 1
    url = server.at("/a", in_pieces(DATA, tenth))
    assert fetch(url).read_bytes() == DATA
    assert len(server.seen) == 10 > IMPATIENT.rounds


@pytest.mark.faults
@pytest.mark.parametrize("page", [b"<!DOCTYPE html>log in", b"\n<html><body>gone"])
def test_a_page_in_a_files_place_is_named(fetch, server, tmp_path, page):
    url = server.at("/a", complete(page.ljust(len(DATA))))
    with pytest.raises(TryAgain, match="sends a web page in the file's place: a login"):
        fetch(url)
    server.at("/a", complete(DATA))
    assert fetch(url).read_bytes() == DATA


def test_a_server_without_range_makes_it_start_afresh(fetch, server):
    url = server.at("/a", first(cut(DATA, 300_000), complete(DATA)))
    assert fetch(url).read_bytes() == DATA
    assert server.seen == [("/a", None), ("/a", "bytes=300000-")]


def test_a_stall_ends_after_the_timeout(fetch, server):
    let_go = threading.Event()
    url = server.at("/a", first(stall(DATA, 200_000, let_go), ranged(DATA)))
    assert fetch(url).read_bytes() == DATA
    let_go.set()
    (_, at_first), (_, then) = server.seen
    assert at_first is None and 100_000 < int(then[6:-1]) <= 200_000


def test_500_then_200(fetch, server):
    url = server.at("/a", first(status(500), status(503), complete(DATA)))
    assert fetch(url).read_bytes() == DATA
    assert len(server.seen) == 3


@pytest.mark.faults
def test_a_server_that_stays_broken_is_left_to_a_retry(fetch, server):
    url = server.at("/a", status(500))
    with pytest.raises(TryAgain, match=r"images.tar could not be fetched: .* answers 500"):
        fetch(url)
    assert len(server.seen) == IMPATIENT.rounds


def test_404_is_not_asked_again(fetch, server):
    with pytest.raises(SightlineError, match="answers 404") as caught:
        fetch(server.base + "/nowhere")
    assert not isinstance(caught.value, TryAgain)
    assert len(server.seen) == 1


def test_the_next_mirror_is_asked_before_any_pause(fetch, server):
    bad, good = server.at("/bad", status(500)), server.at("/good", complete(DATA))
    network = Network(rounds=2, timeout=0.5, pause=60)
    assert fetch(bad, good, network=network).read_bytes() == DATA


@pytest.mark.parametrize("wrong", [b"x" * len(DATA), DATA[:-1] + b"x"])
def test_wrong_bytes_are_refused_and_leave_nothing(fetch, server, tmp_path, wrong):
    with pytest.raises(SightlineError, match=f"sha256 is {digest(wrong)}, the catalogue says"):
        fetch(server.at("/a", complete(wrong)))
    assert list((tmp_path / "raw" / "things").iterdir()) == []
    assert not part(tmp_path).exists()
    assert len(server.seen) == 1


def test_wrong_bytes_of_one_mirror_are_made_good_by_another(fetch, server):
    bad, good = server.at("/bad", complete(b"x" * len(DATA))), server.at("/good", ranged(DATA))
    assert fetch(bad, good).read_bytes() == DATA


def test_a_spoilt_part_is_thrown_away_and_fetched_from_the_start(fetch, server, tmp_path):
    part(tmp_path).parent.mkdir()
    part(tmp_path).write_bytes(b"spoilt")
    assert fetch(server.at("/a", ranged(DATA))).read_bytes() == DATA
    assert server.seen == [("/a", "bytes=6-"), ("/a", None)]


@pytest.mark.faults
def test_a_server_that_never_stops_sending_is_cut_off(fetch, server, tmp_path):
    with pytest.raises(SightlineError, match="sends more than the 1,048,576 bytes"):
        fetch(server.at("/a", complete(DATA * 3)))
    assert list((tmp_path / "raw" / "things").iterdir()) == []


def test_a_whole_part_needs_no_request(fetch, server, tmp_path):
    part(tmp_path).parent.mkdir()
    part(tmp_path).write_bytes(DATA)
    assert fetch(server.base + "/a").read_bytes() == DATA
    assert server.seen == []


def test_a_part_that_reaches_too_far_is_started_afresh(fetch, server, tmp_path):
    part(tmp_path).parent.mkdir()
    part(tmp_path).write_bytes(DATA + b"more")
    url = server.at("/a", ranged(DATA))
    assert fetch(url, size=None).read_bytes() == DATA  # without a size only the server knows
    assert server.seen == [("/a", f"bytes={len(DATA) + 4}-"), ("/a", None)]


def test_md5_alone_is_enough(fetch, server):
    import hashlib

    url = server.at("/a", complete(DATA))
    assert fetch(url, size=None, sha256=None, md5=hashlib.md5(DATA).hexdigest()).exists()
    with pytest.raises(SightlineError, match="md5 is"):
        fetch(url, size=None, sha256=None, md5="0" * 32)


@pytest.fixture
def fetch_weights(tmp_path):
    """Fetch weights from a URL whose SHA-256 begins as is given; return the file's path."""

    def run(url: str, begins: str) -> Path:
        file = {"name": "net.pth", "role": "weights", "urls": [url], "sha256_begins": begins}
        entry = {"format": "torch", "names": "torchvision", "note": "-", "terms": "-", "file": file}
        layout = Layout(tmp_path)
        layout.weights_catalogue.parent.mkdir(exist_ok=True)
        layout.weights_catalogue.write_text(yaml.safe_dump({"net": entry}))
        fetching.download_weights("net", layout, IMPATIENT)
        return layout.weights("net").path / "net.pth"

    return run


def test_weights_are_known_by_the_beginning_of_their_digest(fetch_weights, server):
    path = fetch_weights(server.at("/net", complete(DATA)), digest(DATA)[:8])
    assert path.read_bytes() == DATA
    about, paths = source.read(Raw(path.parent), "weights")
    assert paths == {"weights": path} and about["names"] == "torchvision"
    assert about["files"][0]["sha256"] == digest(DATA)
    fetch_weights(server.at("/net", complete(DATA)), digest(DATA)[:8])
    assert len(server.seen) == 1  # what is there and right is not fetched again


@pytest.mark.faults
def test_weights_whose_digest_begins_otherwise_are_refused(fetch_weights, server, tmp_path):
    with pytest.raises(SightlineError, match=r"sha256 is \w+, the catalogue says 00000000\.\."):
        fetch_weights(server.at("/net", complete(DATA)), "00000000")
    assert not (tmp_path / "trained" / "net" / "net.pth").exists()


def test_a_redirect_away_from_https_is_not_followed(fetch, server):
    url = server.at("/a", status(302, Location="http://127.0.0.1:9/a"))
    with pytest.raises(SightlineError, match="redirects away from https"):
        fetch(url)


def test_a_certificate_that_nobody_vouches_for_is_refused(fetch, server, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(SightlineError, match="its certificate is not trusted"):
        fetch(server.at("/a", complete(DATA)))
    assert server.seen == []


def test_nobody_listens(fetch):
    with pytest.raises(TryAgain, match="the connection failed"):
        fetch("https://127.0.0.1:9/a")


def test_two_processes_fetch_once_each_and_both_get_it(fetch, server, tmp_path):
    """The second waits for the first: they would write the same part."""
    url = server.at("/a", complete(DATA))
    with waited_for(part(tmp_path).with_suffix(".lock"), pytest.fail):
        other = threading.Thread(target=fetch, args=(url,))
        other.start()
        other.join(0.3)
        assert other.is_alive() and server.seen == []
    other.join(10)
    assert (tmp_path / "raw" / "things" / "images.tar").read_bytes() == DATA


def test_the_second_waits_until_the_first_has_its_file_in_place(
    catalogue, server, tmp_path, monkeypatch
):
    """Two workspaces that share the parts: it would take the whole part away under the first."""
    move = fetching._move

    def slowly(*paths):
        time.sleep(0.2)
        move(*paths)

    monkeypatch.setattr(fetching, "_move", slowly)
    file = {"name": "images.tar", "role": "images", "size": len(DATA), "sha256": digest(DATA)}
    path = catalogue(files=[file | {"urls": [server.at("/a", complete(DATA))]}])
    folders = [tmp_path / "one" / "things", tmp_path / "two" / "things"]
    with ThreadPoolExecutor() as pool:
        fetches = [
            pool.submit(download, path, Raw(folder), tmp_path / "parts", IMPATIENT)
            for folder in folders
        ]
    for one in fetches:
        one.result()
    assert [(folder / "images.tar").read_bytes() for folder in folders] == [DATA, DATA]


# files of this machine


def test_a_local_file_is_copied_never_hard_linked(fetch, tmp_path):
    (tmp_path / "own.tar").write_bytes(DATA)
    path = fetch(f"file://{tmp_path}/own.tar")
    assert path.read_bytes() == DATA
    assert path.stat().st_ino != (tmp_path / "own.tar").stat().st_ino


def test_a_variable_names_the_folder(fetch, tmp_path, monkeypatch):
    (tmp_path / "own.tar").write_bytes(DATA)
    url = "file://${SIGHTLINE_TEST}/own.tar"
    monkeypatch.delenv("SIGHTLINE_TEST", raising=False)
    with pytest.raises(SightlineError, match="export SIGHTLINE_TEST=FOLDER"):
        fetch(url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGHTLINE_TEST", ".")
    assert fetch(url).read_bytes() == DATA


def test_a_path_must_not_leave_its_variables_folder(fetch, tmp_path, monkeypatch):
    (tmp_path / "own.tar").write_bytes(DATA)
    (tmp_path / "inside").mkdir()
    monkeypatch.setenv("SIGHTLINE_TEST", str(tmp_path / "inside"))
    for path in ("../own.tar", "%2e%2e/own.tar"):
        with pytest.raises(SightlineError, match="leads out of SIGHTLINE_TEST"):
            fetch("file://${SIGHTLINE_TEST}/" + path)


def test_a_local_file_with_other_bytes_is_refused(fetch, tmp_path):
    (tmp_path / "own.tar").write_bytes(b"x" * len(DATA))
    with pytest.raises(SightlineError, match=r"own.tar: .* the catalogue says"):
        fetch(f"file://{tmp_path}/own.tar")
    assert list((tmp_path / "raw" / "things").iterdir()) == []


def test_a_huge_archive_is_checked_and_read_where_it_lies(fetch, tmp_path, monkeypatch):
    (tmp_path / "own.tar").write_bytes(DATA)
    monkeypatch.setenv("SIGHTLINE_TEST", str(tmp_path))
    raw = fetch("file://${SIGHTLINE_TEST}/own.tar", in_place=True).parent
    assert [path.name for path in raw.iterdir()] == ["source.json"]
    assert source.read(Raw(raw))[1] == {"images": tmp_path / "own.tar"}
    assert str(tmp_path) not in (raw / "source.json").read_text()
    (tmp_path / "own.tar").write_bytes(DATA[:-1])
    with pytest.raises(SightlineError, match="has 1048575 bytes"):
        source.read(Raw(raw))


def test_a_download_without_source_json_is_not_complete(fetch, server):
    raw = fetch(server.at("/a", complete(DATA))).parent
    (raw / "source.json").unlink()
    with pytest.raises(SightlineError, match="dvc repro --force download@things"):
        source.read(Raw(raw))


# a disk that is full, a folder that may not be written to


@pytest.mark.faults
def test_a_full_disk(catalogue, server, tmp_path, small_disk):
    file = {"name": "images.tar", "role": "images", "size": len(DATA), "sha256": digest(DATA)}
    for url in (server.at("/a", complete(DATA)), f"file://{tmp_path}/own.tar"):
        (tmp_path / "own.tar").write_bytes(DATA)
        done = run_download(catalogue(files=[file | {"urls": [url]}]), small_disk)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr and "make room" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (small_disk / "things" / "images.tar").exists()
        assert not (small_disk / "things" / "source.json").exists()


def test_a_limit_on_the_size_of_files(catalogue, server, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    file = {"name": "images.tar", "role": "images", "size": len(DATA), "sha256": digest(DATA)}
    entry = file | {"urls": [server.at("/a", complete(DATA))]}
    done = run_download(catalogue(files=[entry]), tmp_path, preexec_fn=limit)
    assert done.returncode == 1
    assert "File too large" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_that_may_not_be_written_to(catalogue, server, tmp_path, read_only):
    file = {"name": "images.tar", "role": "images", "size": len(DATA), "sha256": digest(DATA)}
    entry = file | {"urls": [server.at("/a", complete(DATA))]}
    done = run_download(catalogue(files=[entry]), read_only)
    assert done.returncode == 1
    assert str(read_only) in done.stderr and "give it the right to" in done.stderr
    assert "Traceback" not in done.stderr


def test_drawing_does_not_reach_through_a_link_into_dvcs_cache(catalogue, tmp_path, monkeypatch):
    """DVC links what it caches; a file that is written in place would change there too."""
    import sightline.sample

    def draw(dataset, entry, folder):
        for file in entry["files"]:
            (folder / file["name"]).write_bytes(b"drawn")

    monkeypatch.setattr(sightline.sample, "draw", draw)
    folder = tmp_path / "raw" / "things"
    folder.mkdir(parents=True)
    (tmp_path / "cached").write_bytes(b"in the cache")
    (folder / "images.tar").hardlink_to(tmp_path / "cached")
    path = catalogue(files=[{"name": "images.tar", "role": "images"}], draw={})
    download(path, Raw(folder), tmp_path / "parts")
    assert (folder / "images.tar").read_bytes() == b"drawn"
    assert (tmp_path / "cached").read_bytes() == b"in the cache"
