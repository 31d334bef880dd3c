"""One image of every kind and size; many of them, the same whatever number of processes decodes."""

import io
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image
from served import png

from sightline.data import image_files as images
from sightline.data.formats.dataset import Item
from sightline.errors import SightlineError
from sightline.host.processes import still_alive

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
    found = images.read(kinds()[kind], size, channels)
    assert found.shape == (size, size, channels) and found.dtype == np.uint8
    grey = "grey" in kind or "1-bit" in kind
    expected = images.fit(Image.fromarray(RAMP if grey else COLOUR), size, channels)
    away = np.abs(found.astype(int) - expected)
    assert away.mean() < (60 if "1-bit" in kind else 12 if "palette" in kind else 3)


def test_shorter_side_then_centre_crop():
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255  # the centred square is white, what is cropped is black
    assert images.read(png(wide), 20, 3).min() == 255
    assert images.read(png(wide.transpose(1, 0, 2).copy()), 20, 3).min() == 255
    crop = images.read(png(COLOUR), 20, 3).astype(int)
    resized = Image.fromarray(COLOUR).resize((30, 20), Image.Resampling.BILINEAR)
    assert np.abs(crop - np.asarray(resized)[:, 5:25]).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (3, 2), (2000, 1500)])
def test_any_size(shape):
    array = np.full(shape, 77, np.uint8)
    assert (images.read(png(array), 28, 1) == 77).all()


def test_an_image_of_the_right_size_is_untouched():
    square = COLOUR[:, :40].copy()
    assert np.array_equal(images.read(png(square), 40, 3), square)


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
    assert np.array_equal(images.read(data, 40, 3), np.asarray(upright))


def test_unreadable_exif_does_not_break_an_image():
    data = encode(Image.fromarray(COLOUR), "JPEG", exif=b"Exif\0\0" + b"nonsense" * 4)
    assert images.read(data, 16, 3).shape == (16, 16, 3)


def test_transparent_parts_show_white():
    pixels = np.zeros((8, 8, 4), np.uint8)  # black, fully transparent
    pixels[:, 4:, 3] = 255  # black, opaque
    found = images.read(png(pixels), 8, 3)
    assert (found[:, :4] == 255).all() and (found[:, 4:] == 0).all()
    palette = Image.fromarray(np.tile([0, 1], (8, 4)).astype(np.uint8), "P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    found = images.read(encode(palette, transparency=0), 8, 3)
    assert found[0, 0].tolist() == [255] * 3 and found[0, 1].tolist() == [200, 100, 50]


def test_16_bits_are_scaled_not_clipped():
    deep = np.array([[0, 128, 129, 257], [255, 32896, 65278, 65535]] * 2, np.uint16)
    expected = [[0, 0, 1, 1], [1, 128, 254, 255]] * 2
    assert images.read(png(deep), 4, 1)[..., 0].tolist() == expected


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
    with Image.open(io.BytesIO(data)) as whole:
        wanted = np.rot90(images.fit(whole, size, channels), -1).astype(int)
    away = np.abs(images.read(data, size, channels) - wanted)
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
        "gif": encode(Image.fromarray(RAMP), "GIF"),
        "header alone": png_[:30],
    }


@pytest.mark.parametrize("kind", broken())
def test_a_broken_image_says_so(kind):
    with pytest.raises(ValueError, match=r"\w") as caught:
        images.read(broken()[kind], 16, 3)
    assert "0x" not in str(caught.value) and "\n" not in str(caught.value)


def test_an_image_that_would_fill_the_memory_is_broken():
    huge = encode(Image.new("1", (20_000, 20_000)))
    assert len(huge) < 100_000
    with pytest.raises(ValueError, match="exceeds limit"):
        images.read(huge, 16, 1)


def items(count):
    rng = np.random.RandomState(0)
    for row in range(count):
        side = int(rng.randint(8, 40))
        data = png(rng.randint(0, 256, (side, 30, 3)).astype(np.uint8))
        yield Item("train", row, f"{row}.png", data[:50] if row % 7 == 3 else data)


def test_any_number_of_processes_gives_the_same():
    alone, shared = (list(images.read_many(items(150), 12, 3, number)) for number in (1, 2))
    assert [item for item, _ in alone] == [item for item, _ in shared]
    for (item, one), (_, other) in zip(alone, shared, strict=True):
        if item.row % 7 == 3:
            assert one == other and one.name == item.name
        else:
            assert np.array_equal(one, other)


def test_batches_are_bounded_in_number_and_bytes():
    small = [Item("train", row, "", b"x") for row in range(150)]
    assert [len(batch) for batch in images._batches(small)] == [64, 64, 22]
    large = [Item("train", row, "", bytes(5 << 20)) for row in range(5)]
    assert [len(batch) for batch in images._batches(large)] == [2, 2, 1]


def test_a_killed_process_is_said(monkeypatch):
    killer = Item("train", 0, "a.png", _Deadly())
    with pytest.raises(SightlineError, match="was killed, most likely for want of memory"):
        list(images.read_many([killer], 12, 3, 2))


@pytest.mark.parametrize("at", ["its start", "work"])
@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_no_process_outlives_a_parent_that_is_killed(at):
    script = (
        "import signal\n"
        "from sightline.data import images\n"
        "from sightline.data.dataset import Item\n"
        "items = (Item('train', row, '', b'no image') for row in range(10_000))\n"
        "decoded = images.read_many(items, 12, 3, 2)\n"
        "next(decoded)\n"
        "print('decoding', flush=True)\n"
        "signal.pause()\n"
    )
    parent = psutil.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    with parent:
        if at == "work":
            parent.stdout.readline()
        while len(family := parent.children()) < 3:  # two that decode, and the resource tracker
            time.sleep(0.01)
        parent.kill()
    try:
        assert still_alive(family, 20) == []
    finally:
        for process in still_alive(family, 0):
            process.kill()


class _Deadly(bytes):
    """Ends the process that unpickles it, as the kernel ends one that takes too much memory."""

    def __reduce__(self):
        import os

        return os._exit, (9,)
