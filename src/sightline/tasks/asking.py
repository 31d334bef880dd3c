"""Asking a model about many images, a batch at a time."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sightline.errors import SightlineError
from sightline.networks.layers import Network

BATCH = 500
_PIXELS = 64 * 64  # of an image up to which a batch is full; of larger ones it has fewer


class Model(Protocol):
    """What a task knows of a trained model (`sightline.models.trained.TrainedModel`)."""

    description: dict[str, Any]
    network: Network
    mean: Tensor
    std: Tensor

    def __call__(self, images: Tensor, lengths: Tensor | None = None, /) -> dict[str, Tensor]:
        """Return the outputs by name, for uint8 images N x H x W x C."""
        ...


@torch.inference_mode()
def ask(model: Model, images: Tensor) -> dict[str, Tensor]:
    """Return the model's outputs by name, for uint8 images N x H x W x C: on the CPU, as the images
    are, wherever the model computes.
    """
    outputs = model(images.to(model.mean.device))
    return {name: values.cpu() for name, values in outputs.items()}


@torch.inference_mode()
def answers(model: Model, images: np.ndarray) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """Yield the model's outputs batch by batch, each with the place of its images.

    Raises SightlineError where one is no number.
    """
    batch = at_once(BATCH, images)
    for start in range(0, len(images), batch):
        part = slice(start, min(start + batch, len(images)))
        outputs = ask(model, torch.from_numpy(np.array(images[part])))
        if wrong := next((name for name, out in outputs.items() if not out.isfinite().all()), None):
            raise SightlineError(
                f"the model's {wrong} are no numbers for images {part.start} to {part.stop - 1}: "
                "its training diverged: lower optimizer.learning_rate in its recipe, or set "
                "clip_norm, and train it again"
            )
        yield part, outputs


def at_once(most: int, images: np.ndarray) -> int:
    """Return how many of `images`, N x H x W x C, a network reads at once: `most` of small ones, of
    large ones as many as take no more memory.
    """
    height, width = images.shape[1:3]
    return max(1, min(most, most * _PIXELS // max(1, height * width)))


def output(model: Model, images: np.ndarray, name: str) -> np.ndarray:
    """Return one output of the model for all images, N x ..."""
    return np.concatenate([outputs[name].numpy() for _, outputs in answers(model, images)])
