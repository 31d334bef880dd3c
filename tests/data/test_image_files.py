"""One image of every kind and size."""

import io

import numpy as np
import pytest
from PIL import Image
from served import png

from sightline.data import image_files
from sightline.data.form import Form

RAMP = np.linspace(0, 255, 40 * 60).astype(np.uint8).reshape(40, 60)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)


def encode(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def kinds():
    grey, rgb = Image.fromarray(RAMP), Image.fromarray(COLOUR)
    return {
        "grey png": encode(grey),
        "rgb png": encode(rgb),
        "rgba png": encode(rgb.convert("RGBA")),
        "grey with alpha png": encode(grey.convert("LA")),
        "palette png": encode(rgb.quantize(64)),
        "1-bit png": encode(grey.convert("1")),
        "16-bit grey png": encode(Image.fromarray(RAMP.astype(np.uint16) * 257)),
        "grey jpeg": encode(grey, "JPEG"),
        "rgb jpeg": encode(rgb, "JPEG", quality=95),
        "cmyk jpeg": encode(rgb.convert("CMYK"), "JPEG", quality=95),
        "progressive jpeg": encode(rgb, "JPEG", progressive=True),
        "webp": encode(rgb, "WEBP", lossless=True),
        "bmp": encode(rgb, "BMP"),
    }


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize(("size", "channels"), [(16, 1), (16, 3), (100, 3)])
def test_every_kind_becomes_the_same_form(kind, size, channels):
    square = image_files.read(kinds()[kind], size, channels)
    assert square.shape == (size, size, channels) and square.dtype == np.uint8
    grey = "grey" in kind or "1-bit" in kind
    expected = image_files.fit(
        Image.fromarray(RAMP if grey else COLOUR), Form(size, channels, size)
    )
    away = np.abs(square.astype(int) - expected)
    assert away.mean() < (60 if "1-bit" in kind else 12 if "palette" in kind else 3)


def test_shorter_side_then_centre_crop():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255  # the centred square is white, what is cropped is black
    assert image_files.read(png(wide), 20, 3).min() == 255
    assert image_files.read(png(wide.transpose(1, 0, 2).copy()), 20, 3).min() == 255
    crop = image_files.read(png(COLOUR), 20, 3).astype(int)
    resized = Image.fromarray(COLOUR).resize((30, 20), Image.Resampling.BILINEAR)
    assert np.abs(crop - np.asarray(resized)[:, 5:25]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (2000, 1500)])
def test_any_size(shape):
    array = np.full(shape, 77, np.uint8)
    assert (image_files.read(png(array), 28, 1) == 77).all()


def test_an_image_of_the_right_size_is_untouched():
    square = COLOUR[:, :40].copy()
    assert np.array_equal(image_files.read(png(square), 40, 3), square)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_undone(orientation):
    """A camera held askew stores turned pixels and a note; the picture is the one that was seen."""
    upright = Image.fromarray(COLOUR[:, :40].copy())
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright.transpose(turned[orientation]) if orientation > 1 else upright
    data = encode(stored, exif=turned_by(orientation))
    assert np.array_equal(image_files.read(data, 40, 3), np.asarray(upright))


def test_unreadable_exif_does_not_break_an_image():
    data = encode(Image.fromarray(COLOUR), "JPEG", exif=b"Exif\0\0" + b"nonsense" * 4)
    assert image_files.read(data, 16, 3).shape == (16, 16, 3)


def test_transparent_parts_show_white():
    pixels = np.zeros((8, 8, 4), np.uint8)  # black, fully transparent
    pixels[:, 4:, 3] = 255  # black, opaque
    square = image_files.read(png(pixels), 8, 3)
    assert (square[:, :4] == 255).all() and (square[:, 4:] == 0).all()
    palette = Image.fromarray(np.tile([0, 1], (8, 4)).astype(np.uint8), "P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    square = image_files.read(encode(palette, transparency=0), 8, 3)
    assert square[0, 0].tolist() == [255] * 3 and square[0, 1].tolist() == [200, 100, 50]


def test_16_bits_are_scaled_not_clipped():
    deep = np.array([[0, 128, 129, 257], [255, 32896, 65278, 65535]] * 2, np.uint16)
    expected = [[0, 0, 1, 1], [1, 128, 254, 255]] * 2
    assert image_files.read(png(deep), 4, 1)[..., 0].tolist() == expected


def waves(width, height):
    """A photograph's stand-in: no two parts alike, nothing finer than libjpeg's eighth."""
    y, x = np.mgrid[:height, :width]
    parts = [np.sin(x / 31 + y / 97), np.sin(x * y / 9000), np.sin(y / 23 - x / 71)]
    return Image.fromarray((127.5 + 127 * np.stack(parts, -1)).astype(np.uint8))


@pytest.mark.parametrize("size", [400, 200, 90, 40])  # decoded whole, at 1/2, 1/4 and 1/8
@pytest.mark.parametrize(("width", "height"), [(1003, 807), (807, 1003)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_jpeg_is_decoded_smaller_to_nearly_the_same(size, width, height, channels):
    """To a grey level or so; taking the padding of odd sizes for image costs 2.4 to 7."""
    data = encode(waves(width, height), "JPEG", quality=95, exif=turned_by(6))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.rot90(image_files.fit(image, Form(size, channels, size)), -1).astype(int)
    away = np.abs(image_files.read(data, size, channels) - expected)
    assert away.mean() < 1.6 and away.max() < 14


def turned_by(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def broken():
    jpeg, png_ = encode(Image.fromarray(COLOUR), "JPEG"), encode(Image.fromarray(COLOUR))
    flipped = bytearray(png_)
    flipped[200] ^= 0xFF
    return {
        "cut jpeg": jpeg[: len(jpeg) // 2],
        "cut large jpeg": encode(waves(400, 300), "JPEG")[:-2000],
        "cut png": png_[: len(png_) // 2],
        "flipped png": bytes(flipped),
        "empty": b"",
        "html": b"<html>not found</html>",
        "postscript": encode(Image.fromarray(RAMP), "EPS"),  # PIL would start Ghostscript
        "header alone": png_[:30],
    }


@pytest.mark.faults
@pytest.mark.parametrize("kind", broken())
def test_a_broken_image_says_so(kind):
    with pytest.raises(ValueError, match=r"\w") as caught:
        image_files.read(broken()[kind], 16, 3)
    assert "0x" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.faults
def test_an_image_that_would_fill_the_memory_is_broken():
    huge = encode(Image.new("1", (20_000, 20_000)))
    assert len(huge) < 100_000
    with pytest.raises(ValueError, match="exceeds limit"):
        image_files.read(huge, 16, 1)
