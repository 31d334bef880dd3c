"""An exported model that answers about images as its task has it: for `predict` and for `serve`.

Both prepare an image here, so that they never differ. Needs no torch.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline import tasks
from sightline.data import image_files
from sightline.data.form import Form
from sightline.errors import SightlineError
from sightline.inference.session import Session
from sightline.settings.explain import nearest
from sightline.tasks.words import Answer, Ask

INVERT = ("auto", "yes", "no")


class Prepared(NamedTuple):
    """An image as its model takes it, uint8 H x W x C, and what a person should know about it."""

    image: np.ndarray
    notes: tuple[str, ...]


class AskedModel:
    """An exported model, its task and the images that it takes.

    `session` is the opened file, `note` what its training data is, in a line. Raises SightlineError
    where this Sightline does not know the task or the rule by which the images are resized, or the
    file lacks an output of its task.
    """

    def __init__(self, path: str | Path, threads: int = 0) -> None:
        """Open a file. `threads`: of one call; 0 leaves the number to onnxruntime."""
        self.session = Session(path, threads=threads)
        metadata = self.session.metadata
        self.note: str = metadata["note"]
        self._image, self._classes = metadata["image"], metadata["classes"]
        self._words = _words(path, metadata["task"], list(self.session.outputs))
        if (rule := self._image["resize"]["rule"]) != image_files.RULE:
            raise SightlineError(
                f"{path}: wants its images resized by '{rule}', this Sightline knows "
                f"'{image_files.RULE}': install the Sightline {metadata['versions']}"
            )
        size, crop = self._image["resize"]["size"], self._image["resize"].get("crop", 1.0)
        self._form = Form(size, self._image["channels"], size, crop)

    def prepare(
        self, image: bytes | np.ndarray, invert: str = "auto", most_pixels: int | None = None
    ) -> Prepared:
        """Return an image file, or its pixels (uint8 H x W x C), as the model takes it.

        `invert`: yes, no, or auto, which inverts an image with a light border for a model that was
        trained on light things on dark ground. Raises ValueError for a file that cannot be read, or
        holds more than `most_pixels`.
        """
        if isinstance(image, bytes):
            pixels = image_files.read_as(image, self._form, most_pixels)
        else:
            pixels = image_files.fit_array(image, self._form)
        notes = []
        if invert == "auto" and self._image["polarity"] == "light-on-dark" and _is_light(pixels):
            pixels = 255 - pixels
            notes.append("inverted: its border is light")
        elif invert == "yes":
            pixels = 255 - pixels
        if (pixels == pixels[0, 0]).all():
            notes.append("one single colour: there is nothing to see in it")
        return Prepared(pixels, tuple(notes))

    def answer(self, image: np.ndarray, top: int = 1, ask: Ask | None = None) -> Answer:
        """Return the answer about one prepared image: `Words.answer` of the model's task.

        `top`: how many classes, for a task that chooses among classes. `ask` stands in for the
        session, for a caller who puts the images of several answers into one call.
        """
        return self._words.answer(ask or self.session.run, image, self._classes, top)


def _words(path: str | Path, task: str, outputs: list[str]) -> tasks.Words:
    if task not in tasks.names():
        raise SightlineError(
            f"{path}: made for the task {task}, which this Sightline does not know: "
            f"{nearest(task, tasks.names())}"
        )
    words = tasks.words(task)
    if missing := [name for name in words.outputs if name not in outputs]:
        raise SightlineError(
            f"{path}: its outputs are {', '.join(outputs)}, the task {task} needs "
            f"{', '.join(missing)} too: export it again"
        )
    return words


def _is_light(image: np.ndarray) -> bool:
    """Whether the ground is light, by the median of the border, which is mostly ground."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)
