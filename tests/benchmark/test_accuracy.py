"""Accuracy over a whole split: a part of it at a time."""

import tracemalloc

import numpy as np

from sightline import tasks
from sightline.benchmark import accuracy


def test_a_split_is_answered_and_scored_without_a_copy_of_it_in_memory(tmp_path):
    count = 4 * accuracy.CHUNK + 1
    path = tmp_path / "images.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (count, 100, 100, 1))[:, 0, 0, 0] = 1
    images = np.load(path, mmap_mode="r")
    targets = np.arange(count) % 2

    def contender(chunk: np.ndarray) -> dict[str, np.ndarray]:
        logits = np.stack([chunk[:, 0, 0, 0], chunk[:, 0, 0, 0] - 1], 1)  # always class 0
        return {"logits": logits.astype(np.float32)}

    task = tasks.task("classify")
    accuracy.figure(task, {"logits": np.zeros((1, 2), np.float32)}, images[:1], targets[:1])
    tracemalloc.start()
    outputs = accuracy.answers(contender, images)
    top1 = accuracy.figure(task, outputs, images, targets)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outputs["logits"].shape == (count, 2)
    assert top1 == round((count + 1) / 2 / count, 6)
    assert peak < images.nbytes / 2
