"""gzipped IDX files, the format of MNIST (yann.lecun.com/exdb/mnist, "THE IDX FILE FORMAT")."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from sightline.errors import SightlineError

_CHUNK = 1 << 20


def read(path: Path, dimensions: int) -> np.ndarray:
    """Return the uint8 array of a gzipped IDX file with this many dimensions.

    Raises SightlineError where it is not one, is cut short, or its header promises more or less
    than it holds. Memory grows with what the file holds, never with what its header promises.
    """
    try:
        with gzip.open(path) as stream:
            header = stream.read(4 + 4 * dimensions)
            shape = _shape(path, header, dimensions)
            expected = math.prod(shape)
            data = bytearray()
            while len(data) <= expected and (chunk := stream.read(_CHUNK)):
                data += chunk
    except (EOFError, OSError, zlib.error) as error:
        raise SightlineError(f"{path} is not a whole gzip file: {error}") from None
    if len(data) != expected:
        length = f"{len(data)}" if len(data) < expected else f"more than {expected}"
        raise SightlineError(
            f"{path}: its header promises {' x '.join(map(str, shape))} = {expected} bytes, "
            f"it holds {length}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, dimensions: int) -> tuple[int, ...]:
    magic = bytes((0, 0, 8, dimensions))  # two zeros, the code of uint8, the number of dimensions
    if header[:4] != magic:
        raise SightlineError(
            f"{path}: an IDX file of {dimensions} dimensions begins with {magic.hex()}, "
            f"this one with {header[:4].hex() or 'nothing'}"
        )
    if len(header) < 4 + 4 * dimensions:
        raise SightlineError(f"{path}: its header is cut short")
    return struct.unpack(f">{dimensions}I", header[4:])
