"""Test-time augmentation: a model sees several views of each image, and their logits are averaged.

Such a figure costs as many times the work: it stands apart, and nothing is chosen by it.
"""

import numpy as np
import torch

from sightline.evaluation.classify import classification
from sightline.evaluation.report import answers
from sightline.trained import TrainedModel


def over_views(
    model: TrainedModel, splits: dict[str, tuple[np.ndarray, np.ndarray]], kind: str
) -> dict:
    """Return the entry test_time of metrics.json: the number of views, and each split's figures.

    `kind`: see `views`. Empty where a model has no view but the plain image, or does not classify:
    mirror images are shown to those alone whose recipe flips.
    """
    flips = model.description["recipe"]["augment"]["flip"] != "none"
    if model.description["task"] != "classify" or kind == "none" or (kind == "flip" and not flips):
        return {}
    figures = {}
    for split, (images, labels) in splits.items():
        logits = sum(
            weight * np.concatenate([o["logits"].numpy() for _, o in answers(model, view)])
            for weight, view in views(images, kind, flips)
        )
        probabilities = torch.from_numpy(logits).softmax(dim=1).numpy()
        figures[split] = classification(probabilities, labels)
    return {"test_time": {"views": len(views(images[:1], kind, flips)), **figures}}


def views(images: np.ndarray, kind: str, flips: bool) -> list[tuple[float, np.ndarray]]:
    """Return weights, which sum to one, and views of uint8 images N x H x W x C.

    `kind` is flip (the image and its mirror image) or flip-translate: both also moved by a pixel
    to the upper left and to the lower right, the border mirrored, with the weights of Jordan 2024
    (arXiv:2404.00498), section 3.5. Without `flips` there are no mirror images.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    seen = []
    for shift, weight in [(0, 1.0)] if kind == "flip" else [(0, 0.5), (-1, 0.25), (1, 0.25)]:
        start = 1 - shift
        moved = padded[:, start : start + height, start : start + width]
        both = [moved, moved[:, :, ::-1]] if flips else [moved]
        seen += [(weight / len(both), view) for view in both]
    return seen
