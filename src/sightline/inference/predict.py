"""What `sightline predict` does: an exported model asked about image files. Needs no torch."""

import io
import itertools
import logging
from pathlib import Path

import numpy as np

from sightline.drawing.sheets import as_image
from sightline.errors import SightlineError, one_line
from sightline.files import write_atomically
from sightline.inference.asked import AskedModel

logger = logging.getLogger(__name__)


def predict(model: str, images: list[str], top: int = 1, invert: str = "auto") -> None:
    """Print the model's answer about each image (`Words.answer` of its task), and the file in the
    working folder that holds the answer's picture, if it has one, under a free name.

    `top`: how many classes to print, for a task that chooses among classes.
    `invert`: yes, no, or auto, which inverts an image with a light border for a model that was
    trained on light things on dark ground, and says so, as it does of an image of one colour. The
    log has a line for a model that was trained on data that is not real, and one for each image
    that cannot be read, and the others go on; then SightlineError at the end.
    """
    asked, failed = AskedModel(model), 0
    if not asked.session.metadata["real"]:
        logger.warning("%s: trained on data that is NOT real: %s", model, asked.note)
    for path in images:
        try:
            prepared = asked.prepare(Path(path).read_bytes(), invert)
        except (OSError, ValueError) as error:
            logger.error("%s: %s", path, getattr(error, "strerror", None) or one_line(error))
            failed += 1
            continue
        answer = asked.answer(prepared.image, top)
        kept = ""
        if answer.picture is not None:
            kept = f": {_keep(answer.picture, f'{Path(path).stem}-{answer.suffix}')}"
        notes = "".join(f"  ({note})" for note in prepared.notes)
        print(f"{path}: {answer.text}{kept}{notes}")
    if failed:
        raise SightlineError(f"{failed} of {len(images)} files could not be read")


def _keep(picture: np.ndarray, stem: str) -> Path:
    """Write a picture, uint8 H x W x C, as PNG under the first name that is free; return it."""
    content, target = io.BytesIO(), Path(f"{stem}.png")
    for number in itertools.count(2):
        if not target.exists():
            break
        target = Path(f"{stem}-{number}.png")
    as_image(picture).save(content, "png")
    write_atomically(target, content.getvalue())
    return target
