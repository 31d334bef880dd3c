import threading

import pytest

from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus


def test_devices_are_those_of_the_driver_unless_some_are_chosen(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    program.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert gpus.visible() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert gpus.visible() == ["1"]
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert gpus.visible() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    program.write_text("#!/bin/sh\nexit 9\n")  # a driver that does not answer
    assert gpus.visible() == []
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert gpus.visible() == []


def test_each_holder_has_a_device_of_its_own_and_the_next_one_waits(tmp_path):
    said, got = [], threading.Event()

    def third():
        with gpus.some_of(["0", "1"], 1, 60, said.append, tmp_path) as environment:
            said.append(environment["CUDA_VISIBLE_DEVICES"])
            got.set()

    with gpus.some_of(["0", "1"], 1, 60, said.append, tmp_path) as first:
        with gpus.some_of(["0", "1"], 1, 60, said.append, tmp_path) as second:
            assert (first, second) == (
                {"CUDA_VISIBLE_DEVICES": "0"},
                {"CUDA_VISIBLE_DEVICES": "1"},
            )
            waiting = threading.Thread(target=third)
            waiting.start()
            assert not got.wait(1.5)
            assert said == ["too few GPUs (0, 1) are free: waiting for 1, at most 60 s"]
        waiting.join(timeout=10)
    assert said[-1] == "1"


def test_no_device_changes_nothing(tmp_path):
    with gpus.some_of([], 2, 60, print, tmp_path) as environment:
        assert environment == {}


def test_two_at_once_are_taken_together_or_not_at_all(tmp_path):
    said, got = [], threading.Event()

    def both():
        with gpus.some_of(["0", "1", "2"], 2, 60, said.append, tmp_path) as environment:
            said.append(environment["CUDA_VISIBLE_DEVICES"])
            got.set()

    with gpus.some_of(["0"], 1, 60, said.append, tmp_path):
        with gpus.some_of(["1"], 1, 60, said.append, tmp_path):
            waiting = threading.Thread(target=both)
            waiting.start()
            assert not got.wait(1.5)
            with gpus.some_of(["2"], 1, 60, said.append, tmp_path) as third:  # nobody sits on it
                assert third == {"CUDA_VISIBLE_DEVICES": "2"}
        waiting.join(timeout=10)
    assert said == ["too few GPUs (0, 1, 2) are free: waiting for 2, at most 60 s", "1,2"]


def test_more_than_there_are_cannot_be_waited_for(tmp_path):
    with (
        pytest.raises(SightlineError, match="is 2, one GPU each, and this machine shows 1: lower"),
        gpus.some_of(["0"], 2, 60, print, tmp_path),
    ):
        pass


def test_the_wait_has_an_end_and_the_lock_lies_where_the_machines_locks_do(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_LOCKS", str(tmp_path))
    said = []
    with gpus.some_of(["0"], 1, 0, said.append):
        assert [path.name for path in tmp_path.iterdir()] == ["sightline-gpu-0.lock"]
        late = r"too few GPUs \(0\) are free, for more than 1 s: let other trainings finish"
        with pytest.raises(TryAgain, match=late), gpus.some_of(["0"], 1, 1, said.append):
            pass
    assert said == ["too few GPUs (0) are free: waiting for 1, at most 1 s"]
