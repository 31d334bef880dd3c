"""rotation: how images are turned, and its figures against values worked out by hand."""

import numpy as np
import pytest
import torch

from sightline.images.random_numbers import RandomNumbers
from sightline.images.turn import turn
from sightline.tasks.rotation import task as rotation

TASK = rotation.TASK


def test_val_and_test_are_turned_by_fixed_angles_of_their_own(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    labels = np.zeros(50, np.int64)
    turned, angles = TASK.examples(images, labels, "test")
    assert angles.dtype == np.float32 and 30 < np.abs(angles).max() <= 45
    monkeypatch.setattr(rotation, "CHUNK", 7)
    for one, other in zip((turned, angles), TASK.examples(images, labels, "test"), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(angles, TASK.examples(images, labels, "val")[1])


def test_the_angle_of_a_batch_is_drawn_anew_and_is_what_it_was_turned_by():
    images = torch.randint(0, 256, (4, 8, 8, 1), dtype=torch.uint8)
    random = RandomNumbers(torch.Generator().manual_seed(5), 4, slice(0, 4))
    turned, angles = TASK.pose(images, torch.zeros(4), random)
    assert torch.equal(turned, turn(images, angles))
    assert not torch.equal(angles, TASK.pose(images, torch.zeros(4), random)[1])


def test_rotation_figures_worked_out_by_hand():
    raw, angles = torch.tensor([[0.0], [1.0]]), torch.tensor([9.0, 36.0])
    assert TASK.named(raw)["angle"].tolist() == [0, 45]
    scores = TASK.scores(TASK.named(raw), None, angles)
    assert scores.tolist() == [81, 81] and TASK.figure(scores.mean().item()) == 9
    assert TASK.loss(raw, None, angles).item() == pytest.approx(0.2**2)
