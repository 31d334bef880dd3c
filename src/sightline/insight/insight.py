"""What the stage `insight` does. Each network gets what applies to it: occlusion works for all,
filters for those that convolve, gradients for those that recur.
"""

import logging

import numpy as np
import torch

from sightline import tasks
from sightline.data.arrays import load_meta, load_split
from sightline.drawing.results_folder import ResultsFolder
from sightline.drawing.text import NAME_TAIL, shortened
from sightline.errors import SightlineError
from sightline.insight import convolution, occlusion, recurrence
from sightline.layout import Layout
from sightline.models.device import placed
from sightline.models.trained import TrainedModel, load_model
from sightline.networks.layers import Recurrent
from sightline.tasks.asking import ask

logger = logging.getLogger(__name__)

OCCLUDED = 6  # images, of as many classes
ASKED = 2000  # images that figures are means over
NAME = 64  # pixels of a class name in the sheets' font: six captions stand side by side


def insight(name: str, layout: Layout, device: str = "cpu") -> None:
    """Leave pictures/*.png and tables/*.csv of one model in reports/NAME/insight.

    `device`: compute.device. Raises SightlineError where the model, its data or its evaluation is
    missing, the test split is empty, or the device is not there or fails.
    """
    with placed(load_model(layout.trained(name)), device) as model:
        look_into(model, layout)


def look_into(model: TrainedModel, layout: Layout) -> None:
    """Leave the pictures and tables of a model."""
    name = model.description["name"]
    processed = layout.processed(model.description["data"]["dataset"])
    images, labels = load_split(processed, "test")
    if not len(labels):
        raise SightlineError(f"{name}: the test split is empty: there is nothing to show it")
    results = ResultsFolder(layout.results(name).insight, name, load_meta(processed))
    _, first = np.unique(labels, return_index=True)
    shown, targets = questions(model, images, labels, first[:OCCLUDED])
    words = captions(model, shown, targets, results.classes)
    occlusion.leave(model, shown, first[:OCCLUDED], words, results)
    convolution.leave(model, shown[:1], results)
    if isinstance(model.network, Recurrent):
        asked, targets = questions(model, images, labels, slice(ASKED))
        recurrence.leave(model, asked, targets, results)
    if own := tasks.insight(model.description["task"]):
        own.leave(model, images, layout.results(name), results)
    pictures = sorted(path.stem for path in results.files.pictures.iterdir())
    logger.info("%s: %s, in %s", name, ", ".join(pictures), results.files.path)


def questions(
    model: TrainedModel, images: np.ndarray, labels: np.ndarray, which: np.ndarray | slice
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the test images at `which`, uint8 N x H x W x C, and their targets, N, as the task
    asks about them.
    """
    # asked of all: the question depends on the image's place in the split
    questions, targets = model.task.examples(images, labels, "test")
    return torch.from_numpy(np.array(questions[which])), torch.from_numpy(np.array(targets[which]))


@torch.inference_mode()
def captions(
    model: TrainedModel, images: torch.Tensor, targets: torch.Tensor, classes: list[str]
) -> list[str]:
    """Return two lines for each image: what it is and what the model predicts, if that is a choice
    or one number.
    """
    outputs, words = ask(model, images), model.task.words
    name, output = next(iter(outputs.items()))
    if words.choice:
        names = words.options or classes
        pairs = zip(targets.tolist(), outputs[words.choice].argmax(1).tolist(), strict=True)
        short = [shortened(name, NAME, NAME_TAIL) for name in names]
        return [f"is {short[true]}\npredicted {short[guess]}" for true, guess in pairs]
    if output.ndim == targets.ndim == 1:
        pairs = zip(targets.tolist(), output.tolist(), strict=True)
        return [f"is {true:.0f}\npredicted {guess:.0f}" for true, guess in pairs]
    return [f"{name.replace('_', ' ')}\n" for _ in images]
