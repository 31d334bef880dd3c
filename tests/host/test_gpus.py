"""Which GPUs there are, by programs that stand in for nvidia-smi, and who may train on them."""

import threading

import pytest

from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus


@pytest.fixture
def nvidia_smi(tmp_path, monkeypatch):
    """Put a program `nvidia-smi` first in PATH that runs this shell script."""

    def write(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    return write


THREE = r"printf '0, GPU-aa11\n1, GPU-aa22\n2, GPU-bb33\n'"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("chosen", "devices"),
    [
        (None, ["0", "1", "2"]),
        ("1", ["1"]),
        ("2,0", ["2", "0"]),
        ("0, 1", ["0", "1"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),
        ("1,7,0", ["1"]),
        ("0,,1", ["0"]),
        ("GPU-bb33,GPU-aa11", ["2", "0"]),
        ("GPU-b", ["2"]),
        ("GPU-aa,0", []),  # it is the beginning of two
        ("1,GPU-aa22", []),  # one device twice
        ("0,0", []),
        ("MIG-cc44,MIG-dd55", ["MIG-cc44", "MIG-dd55"]),
    ],
)
def test_devices_are_those_of_the_driver_unless_some_are_chosen(
    nvidia_smi, monkeypatch, chosen, devices
):
    nvidia_smi(THREE)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible() == devices


@pytest.mark.faults
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
         "ends with status 18, so no GPU is used: Failed to initialize NVML: Driver/library"),
        ("exit 9", "ends with status 9, so no GPU is used: it says nothing"),
        ("sleep 60", "does not answer within 0 s, so no GPU is used: look at the driver"),
    ],
)  # fmt: skip
def test_a_driver_that_fails_is_named(nvidia_smi, monkeypatch, caplog, script, problem):
    monkeypatch.setattr(gpus, "_PATIENCE", 0.4)
    nvidia_smi(script)
    assert gpus.visible() == []
    assert problem in caplog.text


def test_no_nvidia_smi_is_no_device_and_no_warning(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible() == []
    (tmp_path / "nvidia-smi").write_text("not a program")
    assert gpus.visible() == [] and "cannot be started" in caplog.text


def test_each_holder_has_a_device_of_its_own_and_the_next_one_waits(tmp_path):
    messages, got = [], threading.Event()

    def third():
        with gpus.hold(["0", "1"], 1, 60, messages.append, tmp_path) as environment:
            messages.append(environment["CUDA_VISIBLE_DEVICES"])
            got.set()

    with gpus.hold(["0", "1"], 1, 60, messages.append, tmp_path) as first:
        with gpus.hold(["0", "1"], 1, 60, messages.append, tmp_path) as second:
            shown = [environment["CUDA_VISIBLE_DEVICES"] for environment in (first, second)]
            assert shown == ["0", "1"]
            waiting = threading.Thread(target=third)
            waiting.start()
            assert not got.wait(1.5)
            assert messages == ["too few GPUs (0, 1) are free: waiting for 1, at most 60 s"]
        waiting.join(timeout=10)
    assert messages[-1] == "1"


def test_no_device_changes_nothing(tmp_path):
    with gpus.hold([], 2, 60, print, tmp_path) as environment:
        assert environment == {}


def test_two_at_once_are_taken_together_or_not_at_all(tmp_path):
    messages, got = [], threading.Event()

    def both():
        with gpus.hold(["0", "1", "2"], 2, 60, messages.append, tmp_path) as environment:
            messages.append(environment["CUDA_VISIBLE_DEVICES"])
            got.set()

    with gpus.hold(["0"], 1, 60, messages.append, tmp_path):
        with gpus.hold(["1"], 1, 60, messages.append, tmp_path):
            waiting = threading.Thread(target=both)
            waiting.start()
            assert not got.wait(1.5)
            with gpus.hold(["2"], 1, 60, messages.append, tmp_path) as third:  # nobody sits on it
                assert third == {
                    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                    "CUDA_VISIBLE_DEVICES": "2",
                }
        waiting.join(timeout=10)
    assert messages == ["too few GPUs (0, 1, 2) are free: waiting for 2, at most 60 s", "1,2"]


@pytest.mark.faults
def test_more_than_there_are_cannot_be_waited_for(tmp_path):
    with (
        pytest.raises(SightlineError, match="is 2, one GPU each, and this machine shows 1: lower"),
        gpus.hold(["0"], 2, 60, print, tmp_path),
    ):
        pass


def test_the_wait_has_an_end_and_the_lock_lies_where_the_machines_locks_do(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_LOCKS", str(tmp_path))
    messages = []
    with gpus.hold(["0"], 1, 0, messages.append):
        assert [path.name for path in tmp_path.iterdir()] == ["sightline-gpu-0.lock"]
        late = r"too few GPUs \(0\) are free, for more than 1 s: let other trainings finish"
        with pytest.raises(TryAgain, match=late), gpus.hold(["0"], 1, 1, messages.append):
            pass
    assert messages == ["too few GPUs (0) are free: waiting for 1, at most 1 s"]
