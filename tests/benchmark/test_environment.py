"""What a figure was measured on, and beside what; fresh processes."""

import subprocess
import sys
import time

import numpy as np
import pytest

from sightline.benchmark import environment
from sightline.host import processors


def test_the_machine_has_the_same_id_twice_and_another_one_has_another(monkeypatch):
    first = environment.machine()
    assert first == environment.machine() and first["cores"] >= 1 and first["memory_gib"] >= 1
    monkeypatch.setattr(processors, "cores", lambda: first["cores"] + 1)
    assert environment.machine()["id"] != first["id"]


@pytest.mark.parametrize(
    ("busy", "own", "others"),
    [
        (20.0, 0.0, 0.5),  # of 4 cores two are busy, with others
        (20.0, 20.0, 0.0),  # with us
        (20.0, 12.0, 0.2),
        (19.0, 19.5, 0.0),  # the two clocks tick differently: never below none
    ],
)
def test_load_is_the_share_of_all_cores_that_others_use(busy, own, others):
    load = environment.Load(moment=0.01)
    load._cores = 4
    assert load._others((100.0, 7.0, 3.0), (110.0, 7.0 + busy, 3.0 + own)) == others


def test_load_sees_that_others_are_at_work():
    code = "import time; end = time.time() + 20\nwhile time.time() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processors.cores())]
    try:
        time.sleep(0.3)
        load = environment.Load(moment=0.3)
        time.sleep(0.5)
        shares = load.result()
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert shares["others_before"] > 0.7 and shares["others_during"] > 0.7


def cold(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sightline.benchmark.cold", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_cold_start_needs_neither_torch_nor_onnx(exported, tmp_path):
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((4, 12, 12, 1), np.uint8))
    refuse = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'torch', 'onnx', 'PIL', 'mlflow', 'dvc', 'psutil'}:\n"
        "            raise ImportError('refused: ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "runpy.run_module('sightline.benchmark.cold', run_name='__main__', alter_sys=True)\n"
    )
    model = str(exported / "models" / "cnn" / "model.onnx")
    arguments = [model, "CPUExecutionProvider", "1", "1,4", str(images)]
    command = [sys.executable, "-c", refuse, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"open_seconds"' in done.stdout


def test_a_cold_start_on_another_provider_than_asked_for_is_an_error(exported, tmp_path):
    images = tmp_path / "images.npy"
    np.save(images, np.zeros((1, 12, 12, 1), np.uint8))
    model = str(exported / "models" / "cnn" / "model.onnx")
    done = cold(model, "CUDAExecutionProvider", "1", "1", str(images))
    assert done.returncode != 0 and not done.stdout
