"""Questions of many threads in one call of the session: what waits goes in together.

A lone question runs at once in its own thread. While a call runs, others come in and wait; the
first of them to get its turn runs them all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock

import numpy as np

from sightline.tasks.words import Ask


class _Question:
    """Images of one thread, and their outputs or the error once they have been asked about."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.outputs: dict[str, np.ndarray] = {}
        self.error: Exception | None = None
        self.done = False


class Batches:
    """Joins images of equal shape, from any threads, into calls of `run`, one call at a time."""

    def __init__(self, run: Ask, most: int, wait: float) -> None:
        """Take at most `most` questions into a call. `wait`: seconds, for images on their way."""
        self._run, self._most, self._wait = run, most, wait
        self._turn = Lock()
        self._changed = Condition()  # guards the two below
        self._waiting: list[_Question] = []
        self._on_their_way = 0

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        """Announce an image that is being read: a call may wait for it."""
        with self._changed:
            self._on_their_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._on_their_way -= 1
                self._changed.notify()

    def ask(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return every output for images, uint8 N x H x W x C, by its name.

        Raises what `run` raised for the call that they were in.
        """
        question = _Question(images)
        with self._changed:
            self._waiting.append(question)
            self._changed.notify()
        with self._turn:
            while not question.done:  # else another thread's turn has asked it
                self._run_next()
        if question.error:
            raise question.error
        return question.outputs

    def _run_next(self) -> None:
        questions = self._take()
        try:
            outputs = self._run(np.concatenate([question.images for question in questions]))
        except Exception as error:
            for question in questions:
                question.error, question.done = error, True
            return
        start = 0
        for question in questions:
            end = start + len(question.images)
            question.outputs = {name: value[start:end] for name, value in outputs.items()}
            question.done, start = True, end

    def _take(self) -> list[_Question]:
        with self._changed:
            if self._wait:
                self._changed.wait_for(self._complete, self._wait)
            shape = self._waiting[0].images.shape[1:]
            fitting = [each for each in self._waiting if each.images.shape[1:] == shape]
            taken = fitting[: self._most]
            self._waiting = [each for each in self._waiting if each not in taken]
        return taken

    def _complete(self) -> bool:
        return not self._on_their_way or len(self._waiting) >= self._most
