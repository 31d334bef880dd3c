"""Test vectors: inputs and outputs beside the model, by which any runtime can be tried.

In the layout of the ONNX model zoo: test_data_set_N/input_I.pb and output_I.pb, TensorProtos whose
names are those of the model's inputs and outputs. The images are drawn from a hash: no image of a
dataset, whose terms may forbid to pass it on, and the same bytes everywhere.
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from sightline.errors import SightlineError, one_line
from sightline.files import write_atomically
from sightline.inference.session import Session
from sightline.layout import PublishedFiles

TOLERANCE = 1e-4  # of the largest value of the output; other runtimes sum in another order
SMALL = 0.01  # a largest value below it is as good as none
MANY = 8  # images of a set
_BLOCK = 4  # pixels of one grey level beside each other, as in a picture of something


def write_vectors(files: PublishedFiles) -> None:
    """Write the vectors of model.onnx, and of model-lengths.onnx where it is there."""
    session = Session(files.onnx, threads=1)  # the number of threads decides the bits
    for number, images in enumerate(_image_sets(session)):
        _write(files.path, number, {"images": images}, session.run(images))
    if session.lengths_path:
        images, lengths = _with_lengths(session)
        inputs = {"images": images, "lengths": lengths}
        _write(files.lengths_vectors, 0, inputs, session.run(images, lengths))


def check_vectors(files: PublishedFiles) -> str:
    """Run the vectors; return a line that says how far the outputs are off.

    Raises SightlineError where a vector is missing, damaged or not what the model answers, by more
    than TOLERANCE of the largest value of the output.
    """
    session = Session(files.onnx, threads=1)
    folders = [files.path, *([files.lengths_vectors] if session.lengths_path else [])]
    shares, count = [0.0], 0
    for folder in folders:
        sets = sorted(folder.glob("test_data_set_*"))
        if not sets:
            raise SightlineError(f"{folder}: no test_data_set_0: {_again(files)}")
        for path in sets:
            inputs, expected = (_read(path, kind, files) for kind in ("input", "output"))
            wanted = {"images"} if folder == files.path else {"images", "lengths"}
            if inputs.keys() != wanted or expected.keys() != session.outputs.keys():
                raise SightlineError(
                    f"{path}: its tensors are {', '.join([*inputs, *expected])}, the model has "
                    f"{', '.join([*sorted(wanted), *session.outputs])}: {_again(files)}"
                )
            answers = session.run(**inputs)
            shares += [_share(path, name, expected[name], answers[name]) for name in expected]
            count += 1
    return f"{count} sets of test vectors, off by at most {max(shares):.0e} of the largest value"


def _image_sets(session: Session) -> Iterator[np.ndarray]:
    """Yield one image, several, and several of another size where the model reads others: wider by
    half where it reads any, because about too small ones onnxruntime answers nonsense or ends the
    process; of half the rows where rows are a sequence.
    """
    image = session.metadata["image"]
    height, width, channels = image["height"], image["width"], image["channels"]
    yield _images(1, height, width, channels)
    yield _images(MANY, height, width, channels)
    _, rows, columns, _ = session.inputs["images"]
    if isinstance(columns, str):
        yield _images(MANY, height, width + width // 2, channels)
    elif isinstance(rows, str):
        yield _images(MANY, -(-height // 2), width, channels)


def _with_lengths(session: Session) -> tuple[np.ndarray, np.ndarray]:
    """Return images and a length for each: all of it, and from 1 up to the number of rows."""
    image = session.metadata["image"]
    height = image["height"]
    lengths = np.linspace(1, height, MANY).astype(np.int64)
    lengths[0] = -1
    return _images(MANY, height, image["width"], image["channels"]), lengths


def _images(count: int, height: int, width: int, channels: int) -> np.ndarray:
    """Return uint8 count x height x width x channels: blocks of grey or colour, then noise."""
    coarse = (count, -(-height // _BLOCK), -(-width // _BLOCK), channels)
    images = _noise(coarse, "blocks").repeat(_BLOCK, axis=1).repeat(_BLOCK, axis=2)
    images = images[:, :height, :width].copy()
    images[1::2] = _noise((count, height, width, channels), "pixels")[1::2]
    return images


def _noise(shape: tuple[int, ...], seed: str) -> np.ndarray:
    stream = hashlib.shake_256(f"{seed} {shape}".encode()).digest(math.prod(shape))
    return np.frombuffer(stream, np.uint8).reshape(shape)


def _write(
    folder: Path, number: int, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> None:
    for kind, arrays in (("input", inputs), ("output", outputs)):
        for index, (name, array) in enumerate(arrays.items()):
            tensor = numpy_helper.from_array(array, name).SerializeToString(deterministic=True)
            write_atomically(folder / f"test_data_set_{number}" / f"{kind}_{index}.pb", tensor)


def _read(folder: Path, kind: str, files: PublishedFiles) -> dict[str, np.ndarray]:
    arrays = {}
    for path in sorted(folder.glob(f"{kind}_*.pb")):
        try:
            tensor = onnx.TensorProto.FromString(path.read_bytes())
            arrays[tensor.name] = numpy_helper.to_array(tensor)
        except Exception as error:  # protobuf's own have no class that onnx gives
            cause = f"no tensor can be read ({one_line(error)})"
            raise SightlineError(f"{path}: {cause}: {_again(files)}") from None
    return arrays


def _share(path: Path, name: str, expected: np.ndarray, answer: np.ndarray) -> float:
    if answer.shape != expected.shape:
        raise SightlineError(
            f"{path}: {name} is {list(answer.shape)}, the vector {list(expected.shape)}: the "
            "vectors are of another model"
        )
    scale = max(float(np.abs(expected).max(initial=0)), SMALL)
    share = float(np.abs(answer - expected).max(initial=0)) / scale
    if not share <= TOLERANCE:  # so that NaN fails too
        raise SightlineError(
            f"{path}: {name} is off by {share:.1e} of its largest value, up to {TOLERANCE:.0e} is "
            "rounding: the vectors are of another model, or onnxruntime is wrong on this machine"
        )
    return share


def _again(files: PublishedFiles) -> str:
    return f"fetch {files.path} again"
