"""Questions of many threads in one call: each gets its own answer, whatever came together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sightline.serving.batches import Batches


class Counter:
    """Answers with the mean of each image, once it is let go; `calls` holds the sizes."""

    def __init__(self):
        self.calls: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self.calls.append(len(images))
        self.begun.set()
        assert self.go.wait(20)
        if images.max() == 255:
            raise RuntimeError("a call that fails")
        return {"mean": images.mean(axis=(1, 2, 3))}


def image(value: int, height: int = 2) -> np.ndarray:
    return np.full((1, height, 2, 1), value, np.uint8)


def waiting(batches: Batches, count: int) -> None:
    """Wait until so many questions wait."""
    with batches._changed:
        assert batches._changed.wait_for(lambda: len(batches._waiting) >= count, 20)


def test_what_comes_during_a_call_goes_into_the_next_one_together():
    counter = Counter()
    batches = Batches(counter.run, most=4, wait=0)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batches.ask, image(0))
        assert counter.begun.wait(20)
        others = [pool.submit(batches.ask, image(value)) for value in range(1, 7)]
        waiting(batches, 6)
        counter.go.set()
        answers = [job.result(20)["mean"].tolist() for job in (first, *others)]
    assert answers == [[value] for value in range(7)]
    assert counter.calls == [1, 4, 2]


def test_images_of_other_shapes_go_into_other_calls():
    counter = Counter()
    batches = Batches(counter.run, most=9, wait=0)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batches.ask, image(0))
        assert counter.begun.wait(20)
        others = [pool.submit(batches.ask, image(value, 2 + value % 2)) for value in range(1, 6)]
        waiting(batches, 5)
        counter.go.set()
        assert [job.result(20)["mean"].tolist() for job in (first, *others)] == [
            [value] for value in range(6)
        ]
    assert sorted(counter.calls) == [1, 2, 3]


def test_an_error_reaches_all_that_were_in_the_call_and_nobody_else():
    counter = Counter()
    batches = Batches(counter.run, most=2, wait=0)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batches.ask, image(0))
        assert counter.begun.wait(20)
        failing = [pool.submit(batches.ask, image(255)) for _ in range(2)]
        waiting(batches, 2)
        after = pool.submit(batches.ask, image(3))
        waiting(batches, 3)
        counter.go.set()
        assert first.result(20)["mean"] == [0]
        assert after.result(20)["mean"] == [3]
        for job in failing:
            with pytest.raises(RuntimeError, match="a call that fails"):
                job.result(20)


def test_a_call_waits_for_an_image_that_is_being_read():
    counter = Counter()
    counter.go.set()
    batches = Batches(counter.run, most=4, wait=20)
    with ThreadPoolExecutor(2) as pool:
        with batches.on_its_way():
            first = pool.submit(batches.ask, image(1))
            waiting(batches, 1)
            second = pool.submit(batches.ask, image(2))
            waiting(batches, 2)
        assert first.result(20)["mean"] == [1]
        assert second.result(20)["mean"] == [2]
    assert counter.calls == [2]


def test_a_lone_question_waits_for_nothing():
    counter = Counter()
    counter.go.set()
    assert Batches(counter.run, most=4, wait=1000).ask(image(1))["mean"] == [1]
