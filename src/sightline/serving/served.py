"""A model that is served: image files or pixels in, answers as JSON out. Runs in threads."""

import base64
import io
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sightline.drawing.sheets import as_image
from sightline.errors import one_line
from sightline.inference.asked import AskedModel
from sightline.serving.batches import Batches
from sightline.serving.limits import Limits


class Wanted(NamedTuple):
    """What is wanted of an image: so many classes, inverted or not, before this time.monotonic."""

    top: int
    invert: str
    end: float


class ServedModel:
    """An exported model behind its own batches.

    `metadata`, `inputs`, `outputs` are those of `Session`.
    """

    def __init__(self, path: Path, threads: int, batch: int, wait: float, limits: Limits) -> None:
        self._model = AskedModel(path, threads)
        session = self._model.session
        self.metadata, self.inputs, self.outputs = session.metadata, session.inputs, session.outputs
        self._batches, self._limits = Batches(session.run, batch, wait), limits

    @property
    def name(self) -> str:
        """The model's entry in the params.yaml that it was made by."""
        return self.metadata["name"]

    def answer(
        self,
        name: str,
        image: bytes | np.ndarray,
        wanted: Wanted,
        reading: AbstractContextManager,
    ) -> dict[str, Any]:
        """Return the answer about one image as JSON, or `error`, why there is none.

        `reading` is held while the image is decoded: so few at once that memory has a bound. Raises
        TimeoutError where its turn comes too late.
        """
        try:
            with self._batches.on_its_way(), reading:
                if time.monotonic() > wanted.end:
                    raise TimeoutError
                pixels, notes = self._model.prepare(image, wanted.invert, self._limits.pixels)
        except MemoryError:
            return {"image": name, "error": "it takes more memory than there is"}
        except ValueError as error:
            return {"image": name, "error": one_line(error)}
        answer = self._model.answer(pixels, wanted.top, self._batches.ask)
        content = {"image": name, "text": answer.text, **answer.values, "notes": list(notes)}
        if answer.picture is not None:
            content["picture"] = _as_png(answer.picture)
        return content


def _as_png(picture: np.ndarray) -> str:
    """Return a picture, uint8 H x W x C, as PNG in base64."""
    content = io.BytesIO()
    as_image(picture).save(content, "png")
    return base64.b64encode(content.getvalue()).decode()
