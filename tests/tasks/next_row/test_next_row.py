"""next-row: losses, scores, errors by row and baselines against values worked out by hand."""

import numpy as np
import pytest
import torch

from sightline.tasks.next_row import evaluation
from sightline.tasks.next_row.completion import complete
from sightline.tasks.next_row.task import TASK, per_image


def test_next_row_figures_worked_out_by_hand():
    images = torch.zeros(2, 3, 2, 1, dtype=torch.uint8)
    images[0, 1], images[0, 2] = 255, 51
    raw = torch.zeros(2, 3, 2, 1)  # one half everywhere
    raw[:, -1] = 1e6  # what comes after the last row is asked of nobody
    scores = TASK.scores(TASK.named(raw), images, None)
    assert scores.tolist() == pytest.approx([(0.25 + 0.09) / 2, 0.25])
    assert TASK.loss(raw, images, None).item() == pytest.approx(np.log(2))
    raw[:, 0] = np.log(3)  # three quarters
    expected = [-(np.log(0.75) + np.log(0.5)) / 2, -(np.log(0.25) + np.log(0.5)) / 2]
    assert TASK.loss(raw, images, None).item() == pytest.approx(np.mean(expected))


def test_rows_of_padding_are_neither_asked_nor_scored():
    images = torch.randint(0, 256, (3, 6, 4, 1), dtype=torch.uint8)
    raw = torch.randn(3, 6, 4, 1)
    lengths = torch.tensor([6, 2, 4])
    loss, scores = (
        [call(*(x[i : i + 1, :n] for x in (raw, images)), None) for i, n in enumerate((6, 2, 4))]
        for call in (TASK.loss, lambda r, *rest: TASK.scores(TASK.named(r), *rest))
    )
    for junk in (0, 255):
        padded = images.clone()
        for index, length in enumerate(lengths):
            padded[index, length:] = junk
        padded_scores = TASK.scores(TASK.named(raw), padded, None, lengths)
        assert torch.allclose(padded_scores, torch.cat(scores))
        assert torch.allclose(TASK.loss(raw, padded, None, lengths), torch.stack(loss).mean())


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
    assert per_image(values, None).tolist() == [5.5]
    assert per_image(values, torch.tensor([2])).tolist() == [2.5]


def model(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Always answers one quarter."""
    return {"next_row": torch.full(images.shape, 0.25)}


def test_baselines_learn_from_train_alone():
    train = np.zeros((3, 2, 1, 1), np.uint8)
    train[:, 1] = 255
    train[0] = 255
    known = evaluation.learn(train)
    # a half more of each, as if four images had been seen
    assert known.mean[:, 0, 0].tolist() == pytest.approx([1.5 / 4, 3.5 / 4])
    assert known.flips == pytest.approx(2 / 3)


def test_errors_and_likelihoods_of_each_row_by_hand():
    images = np.zeros((2, 3, 1, 1), np.uint8)
    images[0, 1] = 255  # 0 1 0 and 0 0 0
    known = evaluation.Baselines(np.array([0.1, 0.6, 0.2]).reshape(3, 1, 1), flips=0.2)
    model.mean = torch.zeros(1)  # on the CPU: so are the images that it is asked about
    errors = evaluation.row_errors(model, images, known)
    assert errors["model"][0].tolist() == pytest.approx([(0.75**2 + 0.25**2) / 2, 0.25**2])
    assert errors["previous_row"][0].tolist() == [0.5, 0.5]
    assert errors["mean_row"][0].tolist() == pytest.approx([(0.4**2 + 0.6**2) / 2, 0.2**2])
    # the row above is right with 0.8, wrong with 0.2
    assert errors["previous_row"][1].tolist() == pytest.approx([-np.log([0.8, 0.2]).mean()] * 2)
    assert errors["mean_row"][1].tolist() == pytest.approx(
        [-np.log([0.6, 0.4]).mean(), -np.log(0.8)]
    )
    figures = evaluation.figures_of_errors(errors)
    assert figures["mse"] == pytest.approx((0.3125 + 0.0625) / 2)
    assert figures["mse_mean_row"] == pytest.approx((0.26 + 0.04) / 2)
    assert figures["mse_share"] == pytest.approx(0.1875 / 0.15)
    assert figures["nll_previous_row"] == pytest.approx(-np.log([0.8, 0.2]).mean(), abs=1e-6)
