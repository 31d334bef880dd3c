"""Turning images: exact where it can be, with the border around."""

import numpy as np
import torch

from sightline.images.turn import turn


def test_a_quarter_turn_is_counter_clockwise_and_exact():
    images = torch.randint(0, 256, (2, 9, 9, 3), dtype=torch.uint8)
    turned = turn(images, torch.tensor([90.0, 0.0]))
    assert turned.dtype == torch.uint8
    assert np.array_equal(turned[0].numpy(), np.rot90(images[0].numpy()))
    assert torch.equal(turned[1], images[1])


def test_turning_keeps_shapes_right_in_an_image_that_is_no_square():
    square = torch.zeros(1, 40, 40, 1, dtype=torch.uint8)
    square[:, 18:22, 4:36] = 255
    wide = torch.nn.functional.pad(square, (0, 0, 10, 10))
    angle = torch.tensor([30.0])
    assert torch.equal(turn(wide, angle)[:, :, 10:50], turn(square, angle))


def test_what_comes_in_from_outside_is_the_border():
    turned = turn(torch.full((1, 8, 8, 1), 77, dtype=torch.uint8), torch.tensor([45.0]))
    assert (turned == 77).all()
