"""Images of more than 8 bits a channel, scaled by what their format says or refused, not guessed.

PIL alone cuts 16-bit grey off at 255, and takes floating-point numbers from 0 to 1 for black.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

_SAMPLE_FORMAT, _BITS, _PHOTOMETRIC = 339, 258, 262  # tags of TIFF
_UNSIGNED, _WHITE_IS_ZERO = 1, 0
_DARK = 16384  # of 65,535: a 16-bit image below it may hold 14, 12 or 10 bits


def load(image: ImageFile.ImageFile, load_pixels: Callable[[], None]) -> None:
    """Load an opened image by `load_pixels()`.

    Raises ValueError where its numbers have no scale: floating-point and signed ones, and whole
    ones of 32 bits; and 16 bits of which the upper two are empty, which may be fewer bits.
    """
    kinds = getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, (_UNSIGNED,))
    if image.mode == "F" or any(kind != _UNSIGNED for kind in kinds):
        raise _unscaled("its pixels are floating-point or signed numbers")
    if image.mode == "I" and image.format == "TIFF":
        raise _unscaled("its pixels are numbers of 32 bits")
    deep = image.format != "PPM" and any(";16" in str(tile.args) for tile in image.tile)
    load_pixels()
    if deep:
        pixels = np.asarray(image)
        if image.mode in ("LA", "RGBA"):
            pixels = pixels[..., :-1]
        brightest = int(pixels.max()) * (1 if image.mode.startswith("I") else 256)
        if 0 < brightest < _DARK:
            raise _unscaled(f"its 16 bits go up to {brightest:,} of 65,535, a quarter or less")


def in_8_bits(image: Image.Image) -> Image.Image:
    """Return a loaded grey image of more than 8 bits as one of 8."""
    tags = getattr(image, "tag_v2", {})
    white = (1 << max(tags.get(_BITS, (16,)))) - 1
    deep = np.asarray(image).astype(np.int64).clip(0, white)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        deep = white - deep
    return Image.fromarray(((deep * 255 + white // 2) // white).astype(np.uint8))


def _unscaled(what: str) -> ValueError:
    return ValueError(f"{what}, and the file does not say which one is white: save it as 8 bits")
