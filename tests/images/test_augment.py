"""Random changes of images: what is drawn depends on the seed and the position alone."""

import numpy as np
import pytest
import torch

from sightline.images.augment import augment
from sightline.images.cutout import cutout
from sightline.images.flip import alternately_flipped, flip
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.images.translate import translate
from sightline.images.turn import turn
from sightline.settings.recipe import Augment


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (64, 9, 8, 3), dtype=torch.uint8)


def change(images: torch.Tensor, step: int = 0, epoch: int = 0, **settings) -> torch.Tensor:
    index = torch.arange(len(images))
    chosen, random = Augment(**settings), random_of(len(images), step)
    return augment(images, index, chosen, random, seed=1, epoch=epoch)


def random_of(count: int, step: int = 0, part: slice = slice(0, None)) -> RandomNumbers:
    return RandomNumbers(generator(1, "x", step), count, part)


@pytest.mark.parametrize(
    "settings",
    [
        {"rotate": 20},
        {"scale": 0.3},
        {"translate": 2},
        {"flip": "random"},
        {"flip": "alternating"},
        {"trivial": True},
        {"cutout": 4},
    ],
)
def test_draws_repeat_at_the_same_step_and_differ_at_another(images, settings):
    first = change(images, **settings)
    assert first.shape == images.shape and first.dtype == torch.uint8
    assert not torch.equal(first, images)
    assert torch.equal(first, change(images, **settings))
    assert not torch.equal(first, change(images, step=1, epoch=1, **settings))


def test_parts_of_a_batch_change_as_the_whole_does(images):
    everything = Augment(
        rotate=20, scale=0.3, translate=2, flip="alternating", trivial=True, cutout=4
    )
    index = torch.randperm(64)
    parts = [
        augment(images[p], index[p], everything, random_of(64, part=p), seed=1, epoch=0)
        for p in (slice(0, 21), slice(21, 64))
    ]
    batch = augment(images, index, everything, random_of(64), seed=1, epoch=0)
    assert torch.equal(torch.cat(parts), batch)


def test_without_settings_nothing_changes(images):
    assert torch.equal(change(images), images)


def test_translate_moves_by_whole_pixels_in_every_direction(images):
    moved = translate(images, 2, random_of(64))
    shifts = set()
    for before, after in zip(images.numpy(), moved.numpy(), strict=True):
        padded = np.pad(before, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        matches = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.array_equal(padded[y : y + 9, x : x + 8], after)
        ]
        assert matches, "the image is not a shifted, mirrored copy"
        shifts.add(matches[0])
    assert len(shifts) > 15


def test_turn_is_counter_clockwise_and_size_enlarges_about_the_centre():
    image = torch.arange(16, dtype=torch.uint8).view(1, 4, 4, 1) * 10
    turned = turn(image, torch.tensor([90.0]))
    assert torch.equal(turned[0], torch.rot90(image[0]))
    twice = turn(image, torch.tensor([0.0]), torch.tensor([2.0]))[0, :, :, 0]
    # twice as large: the corner shows what stood halfway to the centre, a quarter pixel inside
    assert twice[0, 0] == pytest.approx(10 * (0.75 + 4 * 0.75), abs=1)
    assert twice.max() - twice.min() == pytest.approx(150 / 2, abs=1)


def test_rotate_and_scale_change_no_more_than_they_say(images):
    few, many = (change(images, rotate=angle).float() for angle in (1, 40))
    assert (few - images).abs().mean() < 0.3 * (many - images).abs().mean()
    small, large = (change(images, scale=share).float() for share in (0.01, 0.3))
    assert (small - images).abs().mean() < 0.3 * (large - images).abs().mean()


def test_a_shift_larger_than_the_image_stays_inside():
    image = torch.arange(4, dtype=torch.uint8).view(1, 2, 2, 1)
    assert translate(image, 9, random_of(1)).shape == image.shape


def test_alternating_flip_shows_each_image_every_other_epoch():
    index = torch.arange(1000)
    chosen = torch.stack([alternately_flipped(index, 0, epoch) for epoch in range(4)])
    assert torch.equal(chosen[0], ~chosen[1]) and torch.equal(chosen[0], chosen[2])
    assert 400 < chosen[0].sum() < 600
    assert not torch.equal(chosen[0], alternately_flipped(index, 5, 0))


def test_flip_mirrors_left_to_right():
    image = torch.arange(6, dtype=torch.uint8).view(1, 2, 3, 1)
    assert flip(image, torch.tensor([True])).flatten().tolist() == [2, 1, 0, 5, 4, 3]


def test_cutout_changes_at_most_its_square(images):
    changed = (cutout(images, 3, random_of(64)) != images).any(3)
    assert changed.flatten(1).sum(1).max() <= 9
    assert changed.any(2).sum(1).max() <= 3 and changed.any(1).sum(1).max() <= 3
