"""brightness: the mean of an image's pixels, and their deviation (regression with two outputs)."""

from typing import Any, ClassVar

import numpy as np
import torch
from sightline.tasks.brightness.words import WORDS
from torch import Tensor
from torch.nn import functional

from sightline.images.random_numbers import RandomNumbers
from sightline.tasks.base import Task

SCALE = 100.0


class Brightness(Task):
    """Raw are mean and deviation in units of SCALE, N x 2; so are targets, but in pixels' units."""

    words = WORDS
    scales: ClassVar[dict[str, float]] = {"mean": SCALE, "deviation": SCALE}

    def outputs(self, meta: dict[str, Any]) -> int:
        """Return 2."""
        return 2

    def pose(self, images: Tensor, labels: Tensor, random: RandomNumbers) -> tuple[Tensor, Tensor]:
        """Return the images and their moments."""
        return images, moments(images)

    def examples(
        self, images: np.ndarray, labels: np.ndarray, split: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the images and their moments."""
        return images, moments(torch.from_numpy(np.array(images))).numpy()

    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return mean and deviation, N each."""
        mean, deviation = (raw * SCALE).unbind(1)
        return {"mean": mean, "deviation": deviation}

    def loss(self, raw, images, targets, lengths=None, smoothing=0.0) -> Tensor:
        """Return the mean squared error, in units of SCALE squared."""
        return functional.mse_loss(raw, targets / SCALE)

    def scores(self, outputs, images, targets, lengths=None) -> Tensor:
        """Return the absolute errors."""
        predictions = torch.stack([outputs["mean"], outputs["deviation"]], dim=1)
        return (predictions - targets).abs().mean(1)


def moments(images: Tensor) -> Tensor:
    """Return mean and deviation of each image, N x 2."""
    pixels = images.flatten(1).float()
    return torch.stack([pixels.mean(1), pixels.std(1)], dim=1)


TASK = Brightness()
