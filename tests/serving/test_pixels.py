"""Pixels in JSON: taken where each is a whole number from 0 to 255, else refused by name."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sightline.serving.limits import Limits
from sightline.serving.pixels import read_json_images


def read(images, limits=Limits()) -> list[np.ndarray]:  # noqa: B008 it is frozen
    return read_json_images(json.dumps({"images": images}).encode(), limits)


def test_grey_and_coloured_images_become_uint8_with_channels():
    grey, single, coloured = read([[[0, 255, 3]], [[[7], [8]]], [[[1, 2, 3]], [[4, 5, 6]]]])
    assert (grey.dtype, grey.shape, grey.tolist()) == (np.uint8, (1, 3, 1), [[[0], [255], [3]]])
    assert single.shape == (1, 2, 1)
    assert coloured.tolist() == [[[1, 2, 3]], [[4, 5, 6]]]


def test_black_is_an_image():
    assert read([[[0, 0]]])[0].max() == 0


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ([[0.0, 1.0]], "have a fraction (up to 1)"),
        ([[0, 0.5]], "have a fraction"),
        ([[0, 1], [1, 0]], "brightest pixel is 1 of 255"),
        ([[0, 256]], "go from 0 to 256"),
        ([[-1, 5]], "go from -1 to 5"),
        ([[10**30, 5]], "go from 5 to 1000000000000000000000000000000"),
        ([[True, False]], "no list of rows of whole numbers"),
        ([["5", 5]], "no list of rows of whole numbers"),
        ([["x" * 10**6] + [5] * 1000], "no list of rows of whole numbers"),
        ([[None]], "no list of rows of whole numbers"),
        ([[float("nan")]], "have a fraction"),
        ([[1, 2], [3]], "its rows differ in length"),
        ([[[1, 2, 3], [1, 2]]], "its rows differ in length"),
        ([[1, [2]]], "no list of rows of whole numbers"),
        ([[[1, 2]]], "its shape is [1, 1, 2]"),
        ([1, 2], "no list of rows of whole numbers"),
        ([[[[1]]]], "no list of rows of whole numbers"),
        ([], "no list of rows of whole numbers"),
        ([[]], "no list of rows of whole numbers"),
        ({"a": 1}, "no list of rows of whole numbers"),
        (5, "no list of rows of whole numbers"),
    ],
)
def test_what_is_no_image_is_refused_by_its_number(image, why):
    with pytest.raises(ValueError, match=r"^image 1\b") as raised:
        read([[[3, 4]], image])
    assert why in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b"{}", b'{"images": []}', b'{"images": 5}', b"[" * 10**6, b"\xff\xfe{"],
)
def test_what_is_no_question_is_told_the_form(body):
    with pytest.raises(ValueError, match=r'the form is \{"images": \[image, \.\.\.\]\}'):
        read_json_images(body, Limits())


def test_the_limits_hold():
    limits = replace(Limits(), images=2, pixels=10)
    with pytest.raises(ValueError, match="3 images: at most 2"):
        read([[[5]]] * 3, limits)
    with pytest.raises(ValueError, match="image 0: more than 10 pixels"):
        read([[[5] * 11]], limits)
