"""mirrored: whether an image has been mirrored (a choice, not among the dataset's classes)."""

from typing import Any

import numpy as np
from sightline.tasks.mirrored.words import OPTIONS, WORDS
from torch import Tensor
from torch.nn import functional

from sightline.images.random_numbers import RandomNumbers
from sightline.tasks.base import Task


class Mirrored(Task):
    """Raw are the scores, N x 2; targets int64 N, 1 where an image was mirrored."""

    words = WORDS

    def outputs(self, meta: dict[str, Any]) -> int:
        """Return the number of answers."""
        return len(OPTIONS)

    def pose(self, images: Tensor, labels: Tensor, random: RandomNumbers) -> tuple[Tensor, Tensor]:
        """Return the images, each mirrored or not by a coin, and what the coin showed."""
        mirrored = (random.uniform() < 0.5).to(images.device)
        return images.where(~mirrored.view(-1, 1, 1, 1), images.flip(2)), mirrored.long()

    def examples(
        self, images: np.ndarray, labels: np.ndarray, split: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the images, every second one mirrored."""
        targets = np.arange(len(images)) % 2
        questions = np.array(images)
        questions[1::2] = questions[1::2, :, ::-1]
        return questions, targets

    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return the scores."""
        return {"scores": raw * 1.0}

    def loss(self, raw, images, targets, lengths=None, smoothing=0.0) -> Tensor:
        """Return the mean cross entropy."""
        return functional.cross_entropy(raw, targets, label_smoothing=smoothing)

    def scores(self, outputs, images, targets, lengths=None) -> Tensor:
        """Return 1 for each right answer."""
        return (outputs["scores"].argmax(1) == targets).float()


TASK = Mirrored()
