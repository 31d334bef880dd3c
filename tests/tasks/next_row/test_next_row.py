"""next-row: baselines and errors by row against values worked out by hand."""

import numpy as np
import pytest
import torch

from sightline.tasks.next_row import evaluation as next_row


def model(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Always says one quarter."""
    return {"next_row": torch.full(images.shape, 0.25)}


def test_baselines_learn_from_train_alone():
    train = np.zeros((3, 2, 1, 1), np.uint8)
    train[:, 1] = 255
    train[0] = 255
    known = next_row.learn(train)
    # a half more of each, as if four images had been seen
    assert known.mean[:, 0, 0].tolist() == pytest.approx([1.5 / 4, 3.5 / 4])
    assert known.flips == pytest.approx(2 / 3)


def test_errors_and_likelihoods_of_each_row_by_hand():
    images = np.zeros((2, 3, 1, 1), np.uint8)
    images[0, 1] = 255  # 0 1 0 and 0 0 0
    known = next_row.Baselines(np.array([0.1, 0.6, 0.2]).reshape(3, 1, 1), flips=0.2)
    found = next_row.row_errors(model, images, known)
    assert found["model"][0].tolist() == pytest.approx([(0.75**2 + 0.25**2) / 2, 0.25**2])
    assert found["previous_row"][0].tolist() == [0.5, 0.5]
    assert found["mean_row"][0].tolist() == pytest.approx([(0.4**2 + 0.6**2) / 2, 0.2**2])
    # the row above is right with 0.8, wrong with 0.2
    assert found["previous_row"][1].tolist() == pytest.approx([-np.log([0.8, 0.2]).mean()] * 2)
    assert found["mean_row"][1].tolist() == pytest.approx(
        [-np.log([0.6, 0.4]).mean(), -np.log(0.8)]
    )
    figures = next_row.figures(found)
    assert figures["mse"] == pytest.approx((0.3125 + 0.0625) / 2)
    assert figures["mse_mean_row"] == pytest.approx((0.26 + 0.04) / 2)
    assert figures["mse_share"] == pytest.approx(0.1875 / 0.15)
    assert figures["nll_previous_row"] == pytest.approx(-np.log([0.8, 0.2]).mean(), abs=1e-6)
