"""Random resized crops: where the boxes lie, and what of an image comes out of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from sightline.data import arrays
from sightline.images import crop
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.settings.recipe import Box

BOX = Box(area=[0.25, 1.0], ratio=[0.75, 1.333])
SIDES = [(24, 32), (32, 24), (24, 24), (24, 28), (26, 24)]  # height x width


def random_of(count, step=0, part=slice(0, None)):
    return RandomNumbers(generator(1, "crop", step), count, part)


def photographs(count):
    """Smooth images, upright, and the rows in which they are stored."""
    draws = np.random.RandomState(0)
    upright, rows = [], np.zeros((count, 24, 32, 3), np.uint8)
    for n in range(count):
        height, width = SIDES[n % len(SIDES)]
        small = Image.fromarray(draws.randint(0, 256, (6, 6, 3)).astype(np.uint8))
        upright.append(small.resize((width, height), Image.Resampling.BICUBIC))
        arrays.put(rows[n], np.asarray(upright[-1]))
    extents = torch.tensor([(image.height, image.width) for image in upright])
    return upright, torch.from_numpy(rows), extents


@pytest.mark.parametrize("size", [12, 24, 40])
def test_a_box_is_resized_as_pil_does_it(size):
    upright, rows, extents = photographs(40)
    boxes = crop.random_boxes(extents, BOX, random_of(40))
    got = crop.resample(rows, extents, boxes, size)
    assert got.shape == (40, size, size, 3) and got.dtype == torch.uint8
    for image, box, result in zip(upright, boxes.tolist(), got.numpy(), strict=True):
        top, left, height, width = box
        box = (left, top, min(left + width, image.width), min(top + height, image.height))
        wanted = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
        assert np.abs(result.astype(int) - np.asarray(wanted)).max() <= 2


def test_boxes_have_the_shares_and_ratios_that_are_asked_for():
    extents = torch.tensor(SIDES).repeat(400, 1)
    top, left, height, width = crop.random_boxes(extents, BOX, random_of(len(extents))).unbind(1)
    high, wide = extents.unbind(1)
    assert (top >= 0).all() and (top + height <= high + 1e-3).all()
    assert (left >= 0).all() and (left + width <= wide + 1e-3).all()
    share, ratio = height * width / (high * wide), width / height
    assert share.min() > 0.2499 and 0.25 < share.quantile(0.1) < 0.4 and share.quantile(0.9) > 0.75
    assert ratio.min() > 0.7499 and ratio.max() < 1.3334
    assert abs(ratio.log().mean()) < 0.02  # as often wider as higher


def test_what_does_not_fit_is_the_largest_box_in_the_middle():
    extents = torch.tensor([[10, 100], [100, 10]])
    boxes = crop.random_boxes(extents, Box(area=[0.9, 1.0], ratio=[0.75, 1.333]), random_of(2))
    wanted = torch.tensor([[0, 43.335, 10, 13.33], [43.3333, 0, 13.3333, 10]])
    assert torch.allclose(boxes, wanted, atol=1e-3)


def test_parts_of_a_batch_are_cropped_as_all_of_it():
    _, rows, extents = photographs(20)
    complete = crop.cropped(rows, extents, BOX, random_of(20), 16)
    for part in (slice(0, 7), slice(7, 20)):
        alone = crop.cropped(rows[part], extents[part], BOX, random_of(20, part=part), 16)
        assert torch.equal(alone, complete[part])
    assert not torch.equal(complete, crop.cropped(rows, extents, BOX, random_of(20, step=1), 16))


def test_the_middle_at_its_own_size_is_untouched():
    upright, rows, extents = photographs(20)
    got = crop.resized(rows, extents, 24)
    for image, result in zip(upright, got.numpy(), strict=True):
        left, top = (image.width - 24) // 2, (image.height - 24) // 2
        assert np.array_equal(result, np.asarray(image.crop((left, top, left + 24, top + 24))))
    squares = rows[:, :, :24]
    assert crop.resized(squares, None, 24) is squares


def test_squares_need_no_extents():
    squares = torch.randint(0, 256, (6, 20, 20, 1), dtype=torch.uint8)
    extents = torch.full((6, 2), 20)
    one = crop.cropped(squares, None, BOX, random_of(6), 12)
    assert torch.equal(one, crop.cropped(squares, extents, BOX, random_of(6), 12))


def test_what_lies_beside_an_image_is_never_seen():
    """Its row is 0 there, and every image is 200."""
    rows, extents = torch.zeros(40, 24, 32, 1, dtype=torch.uint8), torch.tensor(SIDES * 8)
    for row, (height, width) in zip(rows, extents.tolist(), strict=True):
        row[: min(height, width), : max(height, width)] = 200
    assert (crop.cropped(rows, extents, BOX, random_of(40), 16) == 200).all()
