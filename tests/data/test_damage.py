"""Lost and zeroed data that PIL's decoders pass over, and whole images that only look damaged."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.data import image_files
from sightline.data.formats import archives

SIDE = 200


def photo() -> Image.Image:
    """Soft shapes under noise, like a photograph."""
    y, x = np.mgrid[:SIDE, :SIDE]
    parts = np.stack([np.sin(x / 31 + y / 97), np.sin(x * y / 900), np.sin(y / 23 - x / 71)], -1)
    noise = np.random.default_rng(1).normal(0, 12, parts.shape)
    return Image.fromarray((127.5 + 90 * parts + noise).clip(1, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


ENCODED = {
    "jpeg": encode(photo(), "JPEG"),
    "grey jpeg": encode(photo().convert("L"), "JPEG"),
    "cmyk jpeg": encode(photo().convert("CMYK"), "JPEG"),
    "optimised jpeg": encode(photo(), "JPEG", optimize=True),
    "jpeg with restarts": encode(photo(), "JPEG", restart_marker_blocks=7),
    "progressive jpeg": encode(photo(), "JPEG", progressive=True),
    "webp": encode(photo(), "WEBP"),
    "lossless webp": encode(photo(), "WEBP", lossless=True),
    "bmp": encode(photo(), "BMP"),
    "grey bmp": encode(photo().convert("L"), "BMP"),
}
JPEGS = [kind for kind in ENCODED if "jpeg" in kind]


def half_ended(data: bytes) -> bytes:
    return data[: len(data) // 2] + b"\xff\xd9"


def half_zeros(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) - len(data) // 2)


def half_zeros_ended(data: bytes) -> bytes:
    return half_zeros(data)[:-2] + b"\xff\xd9"


def zeros_in_the_middle(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(400) + data[len(data) // 2 + 400 :]


@pytest.mark.faults
@pytest.mark.parametrize("size", [20, SIDE])  # decoded smaller, and whole
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("damage", [half_ended, half_zeros, half_zeros_ended, zeros_in_the_middle])
def test_a_damaged_jpeg_is_broken(damage, kind, channels, size):
    image_files.read(ENCODED[kind], size, channels)
    with pytest.raises(ValueError, match=r"broken|truncated"):
        image_files.read(damage(ENCODED[kind]), size, channels)


@pytest.mark.faults
@pytest.mark.parametrize("kind", sorted(ENCODED.keys() - set(JPEGS)))
def test_a_half_of_zeros_is_broken(kind):
    image_files.read(ENCODED[kind], 32, 3)
    with pytest.raises(ValueError, match="broken"):
        image_files.read(half_zeros(ENCODED[kind]), 32, 3)


def looks_damaged() -> dict[str, bytes]:
    """Whole images whose bytes hold long runs of zeros, or more than the image."""
    black = Image.new("RGB", (700, 700))
    noise = np.random.default_rng(2).integers(0, 256, (700, 700, 3)).astype(np.uint8)
    noise[350:] = 0
    disc = np.hypot(*(np.mgrid[:100, :100] - 60)) < 25
    jpeg = ENCODED["jpeg"]
    images = {
        "junk behind": jpeg + bytes(5000) + jpeg,
        "a few bytes too many": jpeg[:-2] + b"\x12\x34" * 9 + b"\xff\xd9",
        "zeros before the end marker": jpeg[:-2] + bytes(600) + b"\xff\xd9",
        "thumbnail with an end marker": jpeg[:2]
        + b"\xff\xe1\x02\x5aExif\0\0"
        + jpeg[:590]
        + b"\0" * 2
        + jpeg[2:],
        "disc.bmp": encode(Image.fromarray(np.uint8(255 * disc)), "BMP"),
        "upside-down disc.bmp": encode(Image.fromarray(np.uint8(255 * disc[::-1])), "BMP"),
    }
    for kind, image in {"black": black, "half black": Image.fromarray(noise)}.items():
        for number, options in enumerate(({}, {"optimize": True}, {"progressive": True})):
            images[f"{kind}{number}.jpg"] = encode(image, "JPEG", **options)
        images[f"{kind}.webp"] = encode(image, "WEBP", quality=20)
        images[f"{kind}.lossless.webp"] = encode(image, "WEBP", lossless=True, method=0, quality=0)
        images[f"{kind}.bmp"] = encode(image, "BMP")
    return images


@pytest.mark.parametrize("name", looks_damaged())
def test_a_whole_image_is_not_called_broken(name):
    for size in (28, 500):
        image_files.read(looks_damaged()[name], size, 3)


@pytest.mark.mirror
@pytest.mark.skipif("SIGHTLINE_MIRROR" not in os.environ, reason="needs SIGHTLINE_MIRROR")
@pytest.mark.parametrize("progressive", [False, True])
def test_no_real_jpeg_is_called_broken(progressive):
    folder = Path(os.environ["SIGHTLINE_MIRROR"], "imagenet")
    members = archives.files(folder / "imagenette2-224-subset.tgz")
    photographs = [member.read() for member in members if member.name.endswith(".JPEG")]
    assert len(photographs) == 1400
    for data in photographs:
        if progressive:
            data = encode(Image.open(io.BytesIO(data)), "JPEG", progressive=True)
        image_files.read(data, 64, 3)
