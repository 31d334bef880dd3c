"""More than 8 bits a channel: scaled by what the format says, or refused by name."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sightline.data import image_files
from sightline.data.form import Form

RAMP = np.linspace(0, 1, 40 * 60).reshape(40, 60)
REFUSED = "the file does not say which one is white"


def encode(array: np.ndarray, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind)
    return out.getvalue()


def deep(largest: float, kind: str) -> np.ndarray:
    return (largest * RAMP).astype(kind)


def coloured_png(array: np.ndarray, colours: int, kind: int) -> bytes:
    """PNG of 16 bits a channel, which PIL does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    pixels = np.repeat(array[:, :, None], colours, 2)
    if kind == 6:  # with transparency: there is none
        pixels = np.concatenate([pixels, np.full((*array.shape, 1), 65535)], 2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(rows), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks.items())


def tiff(bits: int, data: bytes, kind: int = 1, photometric: int = 1) -> bytes:
    """TIFF of one strip. `kind`: unsigned 1, signed 2; `photometric`: 0 where white is 0."""
    height, width = RAMP.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 134)]
    tags += [(277, 1), (278, height), (279, len(data)), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def twelve_bits(array: np.ndarray) -> bytes:
    """Two numbers of 12 bits in three bytes."""
    pairs = zip(array.ravel()[::2].tolist(), array.ravel()[1::2].tolist(), strict=True)
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)


def unscaled() -> dict[str, bytes]:
    return {
        "float of 0 to 1": encode(RAMP.astype(np.float32), "TIFF"),
        "float of 0 to 255": encode(deep(255, "f4"), "TIFF"),
        "pfm": b"Pf\n60 40\n-1.0\n" + deep(1, "<f4").tobytes(),
        "signed 8": tiff(8, deep(100, "i1").tobytes(), 2),
        "signed 16": tiff(16, deep(30_000, "<i2").tobytes(), 2),
        "signed 32": encode(deep(100_000, "i4"), "TIFF"),
        "unsigned 32": tiff(32, deep(4e9, "<u4").tobytes()),
        "12 bits in a png of 16": encode(deep(4095, "u2"), "PNG"),
        "14 bits in a png of 16": encode(deep(16383, "u2"), "PNG"),
        "12 bits in a tiff of 16": encode(deep(4095, "u2"), "TIFF"),
        "12 bits in a colour png": coloured_png(deep(4095, "u2"), 3, 2),
        "12 bits in a transparent png": coloured_png(deep(4095, "u2"), 3, 6),
    }


@pytest.mark.faults
@pytest.mark.parametrize("kind", unscaled())
def test_numbers_without_a_scale_are_refused(kind):
    with pytest.raises(ValueError, match=REFUSED):
        image_files.read(unscaled()[kind], 40, 1)


def scaled() -> dict[str, bytes]:
    return {
        "16 bits png": encode(deep(65535, "u2"), "PNG"),
        "16 bits colour png": coloured_png(deep(65535, "u2"), 3, 2),
        "16 bits tiff": tiff(16, deep(65535, "<u2").tobytes()),
        "16 bits tiff, white is zero": tiff(16, (65535 - deep(65535, "<u2")).tobytes(), 1, 0),
        "12 bits tiff": tiff(12, twelve_bits(deep(4095, "u2"))),
        "12 bits pgm": b"P5 60 40 4095\n" + deep(4095, ">u2").tobytes(),
        "16 bits pgm": b"P5 60 40 65535\n" + deep(65535, ">u2").tobytes(),
    }


@pytest.mark.faults
@pytest.mark.parametrize("kind", scaled())
def test_numbers_are_scaled_by_what_the_format_says(kind):
    expected = image_files.fit(Image.fromarray(deep(255, "u1")), Form(40, 1, 40)).astype(int)
    away = image_files.read(scaled()[kind], 40, 1) - expected
    assert np.abs(away).max() <= 1


def test_black_of_16_bits_is_black():
    assert not image_files.read(encode(np.zeros((40, 60), np.uint16), "PNG"), 40, 1).any()
