"""Images as JSON: {"images": [[[0, 255, ...], ...], ...]}, each H x W or H x W x C of 0 to 255."""

import json
from itertools import chain
from typing import Any

import numpy as np

from sightline.errors import one_line
from sightline.serving.limits import Limits

_FORM = '{"images": [image, ...]}, each image a list of rows of pixels, whole numbers from 0 to 255'


def read_json_images(body: bytes, limits: Limits) -> list[np.ndarray]:
    """Return the images of a JSON body, each uint8 H x W x C of one channel or three.

    Raises ValueError, which names the image, for anything but whole numbers from 0 to 255.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({one_line(error)}): the form is {_FORM}") from None
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list) or not images:
        raise ValueError(f"no images in it: the form is {_FORM}")
    if len(images) > limits.images:
        raise ValueError(f"{len(images)} images: at most {limits.images} in a request")
    return [_pixels(image, f"image {index}", limits) for index, image in enumerate(images)]


def _pixels(image: Any, name: str, limits: Limits) -> np.ndarray:
    _check_types(image, name)
    try:
        array = np.array(image)
    except ValueError:
        raise ValueError(f"{name}: its rows differ in length: the form is {_FORM}") from None
    if array.ndim == 2:
        array = array[..., None]
    if 0 in array.shape or array.shape[2] not in (1, 3):
        raise ValueError(
            f"{name}: its shape is {list(array.shape)}: an image is height x width, or "
            "height x width x channels, of one channel or three"
        )
    if array.shape[0] * array.shape[1] > limits.pixels:
        raise ValueError(f"{name}: more than {limits.pixels:,} pixels")
    _check_range(array, name)
    return array.astype(np.uint8)


def _check_types(image: Any, name: str) -> None:
    """Raise ValueError where not every pixel is an int, before numpy makes of it what it likes.

    Of a long text among numbers it would make a text of that length of each.
    """
    values, depth = [image], 0
    while values and all(type(value) is list for value in values):
        values, depth = list(chain.from_iterable(values)), depth + 1
    types = set(map(type, values))
    if types <= {int, float} and float in types:
        raise ValueError(
            f"{name}: some of its pixels have a fraction (up to {max(values):g}): pixels are whole "
            "numbers from 0 to 255: multiply those from 0 to 1 by 255 and round"
        )
    if types != {int} or depth not in (2, 3):
        raise ValueError(f"{name} is no list of rows of whole numbers: the form is {_FORM}")


def _check_range(array: np.ndarray, name: str) -> None:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise ValueError(f"{name}: its pixels go from {low} to {high}: 0 to 255 is the range")
    if high == 1:
        raise ValueError(
            f"{name}: its brightest pixel is 1 of 255, so that all of it is black: multiply "
            "pixels from 0 to 1 by 255"
        )
