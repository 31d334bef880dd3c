"""Exported models, asked through onnxruntime. Needs numpy, PIL and onnxruntime, and no torch."""

import io
import itertools
import json
import logging
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from sightline.completion import complete
from sightline.data.images import FORMATS, RULE, read
from sightline.errors import SightlineError
from sightline.files import write_atomically

logger = logging.getLogger(__name__)

CONTRACT = 1  # of inputs, outputs and metadata, as docs/onnx.md describes them
STRUCTURED = ("classes", "image", "metrics", "real", "recipe", "versions")  # JSON in the metadata
READABLE = (*FORMATS, "GIF", "TIFF", "PPM", "AVIF")  # of PIL's other readers one starts Ghostscript
ALL_LEVELS = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
_ERRORS_ONLY = 3  # onnxruntime's scale of severity


class Session:
    """An exported model, opened.

    `metadata` holds what the file says of itself, as docs/onnx.md lists it; `inputs` and `outputs`
    their axes by name, a number where fixed and a name where not; `raw` is onnxruntime's own
    session. Raises SightlineError where the file is no ONNX model, was not exported by Sightline,
    or the execution provider asked for is not the one that would run.
    """

    def __init__(
        self,
        path: str | Path,
        provider: str = "CPUExecutionProvider",
        threads: int = 0,
        level: onnxruntime.GraphOptimizationLevel = ALL_LEVELS,
    ):
        """Open a file. `threads`: of one call; 0 leaves the number to onnxruntime."""
        self.path = Path(path)
        self.raw = open_raw(self.path, provider, threads, level)
        self.metadata = read_metadata(self.raw, self.path)
        everything = [*self.raw.get_inputs(), *self.raw.get_overridable_initializers()]
        self.inputs = {value.name: value.shape for value in everything}
        self.outputs = {value.name: value.shape for value in self.raw.get_outputs()}
        self._names = list(self.outputs)
        self._run = self.raw.run

    def run(self, images: np.ndarray, lengths=None) -> dict[str, np.ndarray]:
        """Return every output by its name, the batch on the first axis.

        `images` uint8 N x H x W x C, raw pixels; `lengths` N integers, in steps, for recurrent
        models (-1, and None: the whole sequence). Raises SightlineError where they do not fit,
        and for an empty batch of a recurrent model.
        """
        feed = {"images": images}
        if lengths is not None:
            feed["lengths"] = np.asarray(lengths, np.int64)
        try:
            return dict(zip(self._names, self._run(self._names, feed)))  # noqa: B905 hot path
        except Exception as error:  # onnxruntime's exceptions have no common class
            empty = "lengths" in self.inputs and np.shape(images)[:1] == (0,)
            why = "a recurrent model refuses an empty batch" if empty else _one_line(error)
            raise SightlineError(f"{self.path}: {why}: it takes {self.inputs}") from None


def open_raw(
    path: Path,
    provider: str,
    threads: int = 0,
    level: onnxruntime.GraphOptimizationLevel = ALL_LEVELS,
) -> onnxruntime.InferenceSession:
    """Return onnxruntime's session on exactly this execution provider, never on another.

    Raises SightlineError where the provider is missing or the file is no ONNX model.
    """
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise SightlineError(
            f"onnxruntime has no {provider} here, it has {', '.join(available)}: install the "
            f"onnxruntime package that brings it, or ask for another provider"
        )
    if not path.is_file():
        raise SightlineError(f"{path}: no such file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.graph_optimization_level = level
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:
        raise SightlineError(
            f"{path}: not a model that onnxruntime can open: {_one_line(error)}"
        ) from None
    session.disable_fallback()
    running = session.get_providers()[0]  # it falls back to the CPU without an error
    if running != provider:
        raise SightlineError(
            f"{path}: {provider} was asked for, {running} would run: onnxruntime's warnings above "
            f"name the library that it lacks"
        )
    return session


def errors_only() -> None:
    """Keep onnxruntime's warnings from the sessions that other libraries open in this process."""
    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)


def read_metadata(session: onnxruntime.InferenceSession, path: Path) -> dict:
    """Return a file's metadata, JSON values as what they stand for.

    Raises SightlineError where Sightline did not write the file, or a newer one did.
    """
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    try:
        contract = int(metadata.pop("sightline_contract"))
        metadata |= {key: json.loads(metadata[key]) for key in STRUCTURED}
    except (KeyError, ValueError):
        raise SightlineError(f"{path}: an ONNX model, but none that Sightline exported") from None
    if contract > CONTRACT:
        raise SightlineError(
            f"{path}: made by a newer Sightline (contract {contract}, this one knows {CONTRACT}): "
            f"update Sightline"
        )
    return metadata | {"sightline_contract": contract}


def predict(model: str, images: list[str], top: int = 1, invert: str = "auto") -> None:
    """Print what the model says of each image: its likeliest classes with their probabilities, best
    first; the angle by which it is turned; or, of a next-row model, the file in the working folder
    that holds the image with its lower half completed from its upper one, under a free name.

    `invert`: yes, no, or auto, which inverts an image with a light border for a model that was
    trained on light things on dark ground, and says so. An image that cannot be read gets a line
    in the log, and the others go on; then SightlineError at the end.
    """
    session = Session(model)
    description = session.metadata["image"]
    answer = next((ANSWERS[name] for name in session.outputs if name in ANSWERS), None)
    if answer is None:
        raise SightlineError(
            f"{model}: its outputs are {', '.join(session.outputs)}, there is none to print: it "
            f"needs one of {', '.join(ANSWERS)}: export it again"
        )
    if description["resize"]["rule"] != RULE:
        raise SightlineError(
            f"{model}: wants its images resized by '{description['resize']['rule']}', this "
            f"Sightline knows '{RULE}': install the Sightline {session.metadata['versions']}"
        )
    size, channels = description["resize"]["size"], description["channels"]
    failed = 0
    for path in images:
        try:
            image = read(Path(path).read_bytes(), size, channels, READABLE)
        except (OSError, ValueError) as error:
            logger.error("%s: %s", path, getattr(error, "strerror", None) or _one_line(error))
            failed += 1
            continue
        said = ""
        if invert == "auto" and description["polarity"] == "light-on-dark" and _is_light(image):
            image, said = 255 - image, "  (inverted: its border is light)"
        elif invert == "yes":
            image = 255 - image
        print(f"{path}: {answer(session, image, Path(path), top)}{said}")
    if failed:
        raise SightlineError(f"{failed} of {len(images)} files could not be read")


def _classes(session: Session, image: np.ndarray, path: Path, top: int) -> str:
    probabilities = session.run(image[None])["probabilities"][0]
    best = np.argsort(-probabilities, kind="stable")[:top]
    return ", ".join(f"{session.metadata['classes'][i]} {probabilities[i]:.1%}" for i in best)


def _angle(session: Session, image: np.ndarray, path: Path, top: int) -> str:
    angle = session.run(image[None])["angle"][0]
    return f"turned by {abs(angle):.1f} degrees {'counter-clockwise' if angle > 0 else 'clockwise'}"


def _completed(session: Session, image: np.ndarray, path: Path, top: int) -> str:
    known = image.shape[0] // 2
    done = complete(lambda rows: session.run(rows)["next_row"], image[None], known)
    content, target = io.BytesIO(), Path(f"{path.stem}-completed.png")
    for number in itertools.count(2):
        if not target.exists():
            break
        target = Path(f"{path.stem}-completed-{number}.png")
    Image.fromarray(done[0].squeeze()).save(content, "png")
    write_atomically(target, content.getvalue())
    return f"rows {known + 1} to {image.shape[0]} completed from those above: {target}"


ANSWERS = {"probabilities": _classes, "angle": _angle, "next_row": _completed}  # by output


def _is_light(image: np.ndarray) -> bool:
    """Whether the ground is light, by the median of the border, which is mostly ground."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return bool(np.median(border) > 127)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
