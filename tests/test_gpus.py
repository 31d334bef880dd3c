import threading

from sightline import gpus


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
        with gpus.one_of(["0", "1"], said.append, tmp_path) as environment:
            said.append(environment["CUDA_VISIBLE_DEVICES"])
            got.set()

    with gpus.one_of(["0", "1"], said.append, tmp_path) as first:
        with gpus.one_of(["0", "1"], said.append, tmp_path) as second:
            assert (first, second) == (
                {"CUDA_VISIBLE_DEVICES": "0"},
                {"CUDA_VISIBLE_DEVICES": "1"},
            )
            waiting = threading.Thread(target=third)
            waiting.start()
            assert not got.wait(1.5)
            assert said == ["all GPUs (0, 1) train already: waiting for one"]
        waiting.join(timeout=10)
    assert said[-1] == "1"


def test_no_device_changes_nothing(tmp_path):
    with gpus.one_of([], print, tmp_path) as environment:
        assert environment == {}
