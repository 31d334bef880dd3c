"""Test-time augmentation: a model sees several views of each image, and its outputs are averaged.

Such a figure costs as many times the work: it stands apart, and nothing is chosen by it.
"""

import numpy as np

from sightline import tasks
from sightline.models.trained import TrainedModel
from sightline.tasks.asking import output


def over_views(
    model: TrainedModel, splits: dict[str, tuple[np.ndarray, np.ndarray]], kind: str
) -> dict:
    """Return the entry test_time of figures.json: the number of views, and each split's figures.

    `kind`: see `views`. Empty where a model has no view but the plain image, or its task does not
    choose among classes: mirror images are shown to those alone whose recipe flips.
    """
    flips = model.description["recipe"]["augment"]["flip"] != "none"
    choice = model.task.words.choice
    if choice is None or kind == "none" or (kind == "flip" and not flips):
        return {}
    evaluation = tasks.evaluation(model.description["task"])
    figures = {}
    for split, (images, labels) in splits.items():
        mean = sum(
            weight * output(model, view, choice) for weight, view in views(images, kind, flips)
        )
        figures[split] = evaluation.figures_of(mean, labels)
    return {"test_time": {"views": len(views(images[:1], kind, flips)), **figures}}


def views(images: np.ndarray, kind: str, flips: bool) -> list[tuple[float, np.ndarray]]:
    """Return weights, which sum to one, and views of uint8 images N x H x W x C.

    `kind` is flip (the image and its mirror image) or flip-translate: both also moved by a pixel
    to the upper left and to the lower right, the border mirrored, with the weights of Jordan 2024
    (arXiv:2404.00498), section 3.5. Without `flips` there are no mirror images.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    shown = []
    for shift, weight in [(0, 1.0)] if kind == "flip" else [(0, 0.5), (-1, 0.25), (1, 0.25)]:
        start = 1 - shift
        moved = padded[:, start : start + height, start : start + width]
        both = [moved, moved[:, :, ::-1]] if flips else [moved]
        shown += [(weight / len(both), view) for view in both]
    return shown
