"""Locks between real processes: who waits for whom, and what is left when one dies."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from sightline.errors import SightlineError, TryAgain
from sightline.host.locks import held, processors, waited_for, workspace_lock


class Holder:
    """A process that holds a lock, given as the code of a `with`, until it is told to end."""

    def __init__(self, lock: str, preamble: str, folder: Path):
        code = f"""
            import os
            from pathlib import Path
            from sightline.host.locks import *
            folder = Path({str(folder)!r})
            {preamble}
            with {lock}:
                print("holds", flush=True)
                input()
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.communicate("\n", timeout=20)
        assert self.process.returncode == 0


@pytest.fixture
def holder(tmp_path):
    """Start processes that hold locks; none outlives the test."""
    holders = []

    def start(lock: str, preamble: str = "", folder: Path = tmp_path) -> Holder:
        holders.append(Holder(lock, preamble, folder))
        assert holders[-1].process.stdout.readline() == "holds\n"
        return holders[-1]

    yield start
    for each in holders:
        each.kill()


STAGE, BENCHMARK = (f"processors({alone}, 60, print, folder)" for alone in (False, True))


def in_thread(folder: Path, alone: bool, then=lambda: None) -> tuple[threading.Thread, list[str]]:
    """Hold the processors in a thread; the list gets its messages, then `holds`."""
    messages = []

    def hold():
        with processors(alone, 60, messages.append, folder):
            messages.append("holds")
            then()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    return thread, messages


def test_stages_share_the_processors_and_a_benchmark_waits_for_all_of_them(tmp_path, holder):
    stages = [holder(STAGE), holder(STAGE)]
    thread, messages = in_thread(tmp_path, alone=True)
    for stage in stages:
        thread.join(1.5)
        assert "holds" not in messages
        stage.end()
    thread.join(20)
    assert messages[0] == "waiting until a stage of some flow gives up this machine, at most 60 s"
    assert messages[-1] == "holds"


def test_stages_wait_for_a_benchmark(tmp_path, holder):
    benchmark = holder(BENCHMARK)
    thread, messages = in_thread(tmp_path, alone=False)
    thread.join(1.5)
    assert messages == ["waiting until a benchmark gives up this machine, at most 60 s"]
    benchmark.end()
    thread.join(20)
    assert messages[-1] == "holds"


def test_a_stream_of_stages_does_not_keep_a_benchmark_waiting(tmp_path, holder):
    """A stage that comes while a benchmark waits comes after it."""
    running = holder(STAGE)
    done = threading.Event()
    benchmark, _ = in_thread(tmp_path, True, then=done.wait)
    time.sleep(0.3)
    late, messages = in_thread(tmp_path, alone=False)
    late.join(1.5)
    assert messages == ["waiting until a benchmark gives up this machine, at most 60 s"]
    running.end()
    late.join(0.5)
    assert "holds" not in messages
    done.set()
    late.join(20)
    benchmark.join(20)
    assert messages[-1] == "holds"


def test_benchmarks_that_start_at_once_come_one_after_the_other(tmp_path, holder):
    """Neither may hold a part of what the other waits for."""
    stage = holder(STAGE)
    at_once, most = [], []

    def measure():
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.1)
        at_once.pop()

    threads = [in_thread(tmp_path, True, then=measure)[0] for _ in range(4)]
    time.sleep(0.2)
    stage.end()
    for thread in threads:
        thread.join(20)
    assert most == [1] * 4


@pytest.mark.parametrize(("lock", "alone"), [(STAGE, True), (BENCHMARK, False), (BENCHMARK, True)])
def test_the_wait_for_the_processors_ends_and_a_dead_owner_holds_nothing(
    tmp_path, holder, lock, alone
):
    owner = holder(lock)
    late = r"sightline-(stage-0|benchmark)\.lock: a .* had this machine for more than 0 s: let it"
    with pytest.raises(TryAgain, match=late), processors(alone, 0, pytest.fail, tmp_path):
        pass
    owner.kill()
    with processors(alone, 0, pytest.fail, tmp_path):
        pass


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, as root alone may")
def test_another_user_with_a_closed_umask_shuts_nobody_out(holder):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)  # as the machine's temporary folder is
        stage = holder(STAGE, "os.umask(0o077); os.setuid(65534)", folder)
        with processors(False, 0, pytest.fail, folder):
            pass
        stage.end()
        with processors(True, 0, pytest.fail, folder):
            pass
        holder(BENCHMARK, "os.setuid(65533)", folder).end()
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o666}


def test_a_lock_that_is_held_is_refused_at_once_and_its_file_goes_with_the_work(tmp_path, holder):
    path = tmp_path / "locks" / "model.lock"
    owner = holder("held(folder / 'locks' / 'model.lock', 'busy')")
    with pytest.raises(TryAgain, match=f"^{path} is held: wait$"), held(path, "wait"):
        pass
    owner.kill()
    assert path.exists()
    with held(path, "wait"):
        pass
    assert not path.exists()


def test_a_lock_that_is_waited_for_says_so_once(tmp_path, holder):
    owner = holder("waited_for(folder / 'file.lock', print)")
    messages = []

    def wait():
        with waited_for(tmp_path / "file.lock", lambda: messages.append("waits")):
            messages.append("holds")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(0.5)
    assert messages == ["waits"]
    owner.end()
    thread.join(20)
    assert messages == ["waits", "holds"]


@pytest.mark.faults
def test_the_lock_of_a_workspace_names_its_owner_and_is_free_when_that_is_killed(tmp_path, holder):
    owner = holder("workspace_lock(folder, 'the first', 0, print)")
    messages = []
    with (
        pytest.raises(TryAgain, match=f"held by the first \\(process {owner.pid}\\)"),
        workspace_lock(tmp_path, "the second", 0.5, messages.append),
    ):
        pass
    assert messages == [
        f"waiting for the first (process {owner.pid}), at most 0 s: one flow a workspace at a time"
    ]
    owner.kill()
    with workspace_lock(tmp_path, "the second", 0, pytest.fail):
        pass


def test_a_workspace_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "locks").write_text("a file where the folder should be")
    with (
        pytest.raises(SightlineError, match="locks: File exists: the flow must be able"),
        workspace_lock(tmp_path / "locks", "a flow", 0, print),
    ):
        pass
