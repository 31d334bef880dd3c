"""One image file, whatever its size and kind, as a uint8 array.

PIL decodes and resizes, for preprocess and for predict: what a model is asked is made exactly as
what it was trained on. Why not another decoder, and what each costs: docs/data.md.
"""

import io
import math
import warnings

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from sightline.data import damage, depth
from sightline.data.form import Form

RULE = "shorter side, then centre crop"
# of PIL's other readers one starts Ghostscript
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif"),
)
HEAD = 4096  # bytes of a file that `is_image` wants

_ORIENTATION = 0x0112  # the EXIF tag


def is_image(head: bytes) -> bool:
    """Say whether a file that begins so is an image for `read`, though perhaps a damaged one."""
    Image.init()
    for name in FORMATS:
        accept = Image.OPEN[name][1]
        if accept and accept(head[:16]):
            # the marks of these two are two letters, and many texts begin so
            return name not in ("BMP", "PPM") or _opens(head, name)
    return False


def _opens(head: bytes, name: str) -> bool:
    try:
        with Image.open(io.BytesIO(head), formats=[name]):
            return True
    except Exception:  # PIL's readers raise whatever they stumble over
        return False


def read(data: bytes, size: int, channels: int, crop: float = 1.0) -> np.ndarray:
    """Return an encoded image as uint8 size x size x channels (1 grey, 3 RGB).

    The square holds the middle of the image, `crop` of its shorter side. Else as `read_as`.
    """
    return read_as(data, Form(size, channels, size, crop))


def read_as(data: bytes, form: Form, most_pixels: int | None = None) -> np.ndarray:
    """Return an encoded image as uint8 H x W x channels, `form.size` pixels its shorter side.

    EXIF rotation is applied; transparent parts show white; 16-bit grey is scaled to 8 bits. The
    middle of the image is resized (bilinear, antialiased), which is the same as resizing the
    shorter side and cropping the centre. A JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8
    of its size that still holds as many pixels as are asked for. Raises ValueError where it is not
    a whole image (`damage`), or its pixels are numbers without a scale (`depth`), or there are more
    than `most_pixels` of them, which is seen before any is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no matter; a bomb is an error below
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image, most_pixels)
                if image.format != "PNG":
                    return _read(image, data, form)
                image.verify()  # a PNG has checksums; PIL looks at all of them only when asked
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                return _read(image, data, form)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"not an image in a format known here ({', '.join(FORMATS)})") from None
    except Exception as error:  # PIL's readers raise whatever they stumble over
        raise ValueError(str(error).strip() or type(error).__name__) from None


def _check_size(image: ImageFile.ImageFile, most_pixels: int | None) -> None:
    width, height = image.size
    if most_pixels and width * height > most_pixels:
        raise ValueError(
            f"{width} x {height} are more than {most_pixels:,} pixels: make it smaller"
        )


def _read(image: ImageFile.ImageFile, data: bytes, form: Form) -> np.ndarray:
    # of a JPEG libjpeg then computes fewer pixels, and for grey no colours; others have no draft
    least = math.ceil(form.size / form.crop)
    drafted = image.draft("L" if form.channels == 1 else "RGB", (least, least))
    depth.load(image, lambda: damage.load(image, data))
    # 375 pixels by 2 are 187.5, in an image of 188: the rest of the last one is libjpeg's padding
    extent = drafted[1][2:] if drafted else image.size
    return _upright(fit(image, form, extent), image)


def fit_array(pixels: np.ndarray, form: Form) -> np.ndarray:
    """Return pixels, uint8 H x W x C of one channel or three, as uint8 H x W x C in a form."""
    if pixels.shape == (form.size, form.size, form.channels) and form.crop == 1:
        return pixels
    return fit(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), form)


def fit(image: Image.Image, form: Form, extent: tuple[float, float] | None = None) -> np.ndarray:
    """Return a decoded image, of any mode, as uint8 H x W x channels in a form.

    `extent`: width and height of what counts of it, from its upper left corner; else all.
    """
    image, mode = _flat(image), "L" if form.channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    width, height = extent or image.size
    columns, rows = form.sides(width, height)
    if (width, height) != (columns, rows) or form.crop < 1:
        side = min(width, height) * form.crop
        across, down = side * columns / form.size, side * rows / form.size
        left, top = (width - across) / 2, (height - down) / 2
        box = (left, top, left + across, top + down)
        image = image.resize((columns, rows), Image.Resampling.BILINEAR, box=box)
    return np.asarray(image).reshape(rows, columns, form.channels)


def _upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Return pixels turned and mirrored as their image's EXIF orientation, 1 to 8, asks for."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # unreadable metadata says nothing about the pixels
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _flat(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel without transparency."""
    if image.mode.startswith("I"):
        return depth.in_8_bits(image)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA"))
    return image
