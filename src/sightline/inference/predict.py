"""What `sightline predict` does: an exported model asked about image files. Needs no torch."""

import io
import itertools
import logging
from pathlib import Path

import numpy as np

from sightline import tasks
from sightline.data.image_files import RULE, read
from sightline.drawing.sheets import as_image
from sightline.errors import SightlineError, one_line
from sightline.files import write_atomically
from sightline.inference.session import Session
from sightline.settings.explain import nearest

logger = logging.getLogger(__name__)


def predict(model: str, images: list[str], top: int = 1, invert: str = "auto") -> None:
    """Print the model's answer about each image (`Words.answer` of its task), and the file in the
    working folder that holds the answer's picture, if it has one, under a free name.

    `top`: how many classes to print, for a task that chooses among classes.
    `invert`: yes, no, or auto, which inverts an image with a light border for a model that was
    trained on light things on dark ground, and says so, as it does of an image of one colour. An
    image that cannot be read gets a line in the log, and the others go on; then SightlineError at
    the end.
    """
    session = Session(model)
    description = session.metadata["image"]
    task = session.metadata["task"]
    if task not in tasks.names():
        raise SightlineError(
            f"{model}: made for the task {task}, which this Sightline does not know: "
            f"{nearest(task, tasks.names())}"
        )
    words, classes = tasks.words(task), session.metadata["classes"]
    if missing := [name for name in words.outputs if name not in session.outputs]:
        raise SightlineError(
            f"{model}: its outputs are {', '.join(session.outputs)}, the task {task} needs "
            f"{', '.join(missing)} too: export it again"
        )
    if description["resize"]["rule"] != RULE:
        raise SightlineError(
            f"{model}: wants its images resized by '{description['resize']['rule']}', this "
            f"Sightline knows '{RULE}': install the Sightline {session.metadata['versions']}"
        )
    size, channels = description["resize"]["size"], description["channels"]
    crop = description["resize"].get("crop", 1.0)
    failed = 0
    for path in images:
        try:
            image = read(Path(path).read_bytes(), size, channels, crop)
        except (OSError, ValueError) as error:
            logger.error("%s: %s", path, getattr(error, "strerror", None) or one_line(error))
            failed += 1
            continue
        note = ""
        if invert == "auto" and description["polarity"] == "light-on-dark" and _is_light(image):
            image, note = 255 - image, "  (inverted: its border is light)"
        elif invert == "yes":
            image = 255 - image
        if (image == image[0, 0]).all():
            note += "  (one single colour: there is nothing to see in it)"
        answer = words.answer(session.run, image, classes, top)
        kept = ""
        if answer.picture is not None:
            kept = f": {_keep(answer.picture, f'{Path(path).stem}-{answer.suffix}')}"
        print(f"{path}: {answer.text}{kept}{note}")
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


def _is_light(image: np.ndarray) -> bool:
    """Whether the ground is light, by the median of the border, which is mostly ground."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)
