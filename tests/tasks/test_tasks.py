"""Tasks: questions, losses and scores against values worked out by hand, and clear refusals."""

from typing import get_args

import numpy as np
import pytest
import torch

from sightline import tasks
from sightline.images.draws import Draw
from sightline.settings.recipe import Optimizer, Recipe, Task
from sightline.tasks.next_row import task as next_row
from sightline.tasks.next_row.completion import complete
from sightline.tasks.rotation import task as rotation

RECIPE = Recipe(1, 32, Optimizer("adam", 0.01))


def test_every_task_of_params_has_its_figure_and_its_object():
    assert set(tasks.FIGURES) == set(get_args(Task))
    for name in tasks.FIGURES:
        assert tasks.task(name).outputs({"classes": ["a", "b"], "width": 5, "channels": 3}) > 0


def test_a_quarter_turn_is_counter_clockwise_and_exact():
    images = torch.randint(0, 256, (2, 9, 9, 3), dtype=torch.uint8)
    turned = rotation.turn(images, torch.tensor([90.0, 0.0]))
    assert turned.dtype == torch.uint8
    assert np.array_equal(turned[0].numpy(), np.rot90(images[0].numpy()))
    assert torch.equal(turned[1], images[1])


def test_turning_keeps_shapes_right_in_an_image_that_is_no_square():
    square = torch.zeros(1, 40, 40, 1, dtype=torch.uint8)
    square[:, 18:22, 4:36] = 255
    wide = torch.nn.functional.pad(square, (0, 0, 10, 10))
    angle = torch.tensor([30.0])
    assert torch.equal(rotation.turn(wide, angle)[:, :, 10:50], rotation.turn(square, angle))


def test_what_comes_in_from_outside_is_the_border():
    turned = rotation.turn(torch.full((1, 8, 8, 1), 77, dtype=torch.uint8), torch.tensor([45.0]))
    assert (turned == 77).all()


def test_val_and_test_are_turned_by_fixed_angles_of_their_own(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), dtype=np.uint8)
    labels, task = np.zeros(50, np.int64), tasks.task("rotation")
    turned, angles = task.examples(images, labels, "test")
    assert angles.dtype == np.float32 and 30 < np.abs(angles).max() <= 45
    monkeypatch.setattr(rotation, "CHUNK", 7)
    for one, other in zip((turned, angles), task.examples(images, labels, "test"), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(angles, task.examples(images, labels, "val")[1])


def test_the_angle_of_a_batch_is_drawn_anew_and_is_what_it_was_turned_by():
    images = torch.randint(0, 256, (4, 8, 8, 1), dtype=torch.uint8)
    task, draw = tasks.task("rotation"), Draw(torch.Generator().manual_seed(5), 4, slice(0, 4))
    turned, angles = task.pose(images, torch.zeros(4), draw)
    assert torch.equal(turned, rotation.turn(images, angles))
    assert not torch.equal(angles, task.pose(images, torch.zeros(4), draw)[1])


def test_rotation_figures_worked_out_by_hand():
    task = tasks.task("rotation")
    raw, angles = torch.tensor([[0.0], [1.0]]), torch.tensor([9.0, 36.0])
    assert task.named(raw)["angle"].tolist() == [0, 45]
    scores = task.scores(task.named(raw), None, angles)
    assert scores.tolist() == [81, 81] and task.figure(scores.mean().item()) == 9
    assert task.loss(raw, None, angles).item() == pytest.approx(0.2**2)


def test_next_row_figures_worked_out_by_hand():
    task = tasks.task("next-row")
    images = torch.zeros(2, 3, 2, 1, dtype=torch.uint8)
    images[0, 1], images[0, 2] = 255, 51
    raw = torch.zeros(2, 3, 2, 1)  # one half everywhere
    raw[:, -1] = 1e6  # what comes after the last row is asked of nobody
    scores = task.scores(task.named(raw), images, None)
    assert scores.tolist() == pytest.approx([(0.25 + 0.09) / 2, 0.25])
    assert task.loss(raw, images, None).item() == pytest.approx(np.log(2))
    raw[:, 0] = np.log(3)  # three quarters
    expected = [-(np.log(0.75) + np.log(0.5)) / 2, -(np.log(0.25) + np.log(0.5)) / 2]
    assert task.loss(raw, images, None).item() == pytest.approx(np.mean(expected))


def test_rows_of_padding_are_neither_asked_nor_scored():
    images = torch.randint(0, 256, (3, 6, 4, 1), dtype=torch.uint8)
    raw, task = torch.randn(3, 6, 4, 1), tasks.task("next-row")
    lengths = torch.tensor([6, 2, 4])
    loss, scores = (
        [call(*(x[i : i + 1, :n] for x in (raw, images)), None) for i, n in enumerate((6, 2, 4))]
        for call in (task.loss, lambda r, *rest: task.scores(task.named(r), *rest))
    )
    for junk in (0, 255):
        padded = images.clone()
        for index, length in enumerate(lengths):
            padded[index, length:] = junk
        said = task.scores(task.named(raw), padded, None, lengths)
        assert torch.allclose(said, torch.cat(scores))
        assert torch.allclose(task.loss(raw, padded, None, lengths), torch.stack(loss).mean())


@pytest.mark.parametrize(
    ("task", "network", "settings", "changes", "said"),
    [
        ("next-row", "cnn", {"widths": [4]}, {}, "sees the whole image at once: take rnn, irnn"),
        ("next-row", "lstm", {"hidden_size": 4, "bidirectional": True}, {}, "drop bidirectional"),
        ("next-row", "gru", {"hidden_size": 4, "sequence": "pixels"}, {}, "set sequence: rows"),
        ("next-row", "gru", {"hidden_size": 4}, {"label_smoothing": 0.1}, "here are none: drop it"),
        ("rotation", "cnn", {"widths": [4]}, {"label_smoothing": 0.1}, "here are none: drop it"),
        ("next-row", "gru", {"hidden_size": 4}, {"min_rows": 1}, "set min_rows to 2 or more"),
        ("rotation", "cnn", {"widths": [4]}, {"min_rows": 3}, "read sequences: drop them"),
        ("classify", "mlp", {"widths": [4]}, {"bptt_steps": 3}, "read sequences: drop them"),
        ("next-row", "irnn", {"hidden_size": 4}, {}, None),
        ("rotation", "gru", {"hidden_size": 4, "sequence": "pixels"}, {}, None),
        ("classify", "cnn", {"widths": [4]}, {"label_smoothing": 0.1}, None),
    ],
)
def test_what_cannot_go_together_is_said(task, network, settings, changes, said):
    found = tasks.mistake(task, network, Recipe(**vars(RECIPE) | changes | {"network": settings}))
    assert (found is None) if said is None else (said in found)


def test_completion_takes_each_expected_row_for_seen():
    images = np.zeros((2, 4, 3, 1), np.uint8)
    images[0, 1], images[1, 1] = 100, 200
    asked = []

    def darker(rows: np.ndarray) -> np.ndarray:
        asked.append(rows.shape[1])
        return rows / 255 / 2

    done = complete(darker, images, 2)
    assert asked == [2, 3]
    assert done[:, :, 0, 0].tolist() == [[0, 100, 50, 25], [0, 200, 100, 50]]
    assert images[0, 2, 0, 0] == 0, "what came in stays as it was"


def test_per_image_means_are_over_rows_columns_and_channels():
    values = torch.arange(12.0).view(1, 2, 3, 2)
    assert next_row.per_image(values, None).tolist() == [5.5]
    assert next_row.per_image(values, torch.tensor([2])).tolist() == [2.5]
