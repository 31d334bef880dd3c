"""Insight: what a trained model sees, as pictures and tables. Each network gets what applies to it:
occlusion works for all, filters for those that convolve, gradients for those that recur.
"""

import logging

import numpy as np
import torch

from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.evaluation.report import Report
from sightline.insight import confusion, convolution, occlusion, recurrence
from sightline.layout import Layout
from sightline.networks.layers import Recurrent
from sightline.trained import TrainedModel, load_model

logger = logging.getLogger(__name__)

OCCLUDED = 6  # images, of as many classes
ASKED = 2000  # images that figures are means over


def insight(name: str, layout: Layout) -> None:
    """Leave pictures/*.png and tables/*.csv of one model in reports/NAME/insight.

    Raises SightlineError where the model, its data or its evaluation is missing, or the test split
    is empty.
    """
    model = load_model(layout.model(name))
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    folder = layout.processed(model.description["data"]["dataset"])
    images, labels = load_split(folder, "test")
    if not len(labels):
        raise SightlineError(f"{name}: the test split is empty: there is nothing to show it")
    report = Report(layout.insight(name), name, load_meta(folder))
    _, first = np.unique(labels, return_index=True)
    shown, targets = questions(model, images, labels, first[:OCCLUDED])
    said = captions(model, shown, targets, report.classes)
    occlusion.leave(model, shown, first[:OCCLUDED], said, report)
    convolution.leave(model, shown[:1], report)
    if isinstance(model.network, Recurrent):
        asked, targets = questions(model, images, labels, slice(ASKED))
        recurrence.leave(model, asked, targets, report)
    if model.description["task"] == "classify":
        answers = layout.report(name) / "tables" / "confusion.csv"
        if not answers.exists():
            raise SightlineError(f"{answers}: no such file: run `dvc repro evaluate@{name}` first")
        confusion.leave(answers, images, report)
    made = [*report.pictures.iterdir(), *report.tables.iterdir()]
    logger.info("%s: %s", name, ", ".join(sorted(path.name for path in made)))


def questions(
    model: TrainedModel, images: np.ndarray, labels: np.ndarray, which
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return some test images, uint8 N x H x W x C, and targets, N, as the model's task asks."""
    asked = model.task.examples(images, labels, "test")  # of all: a question goes by its place
    return tuple(torch.from_numpy(np.array(array[which])) for array in asked)


@torch.inference_mode()
def captions(
    model: TrainedModel, images: torch.Tensor, targets: torch.Tensor, classes: list[str]
) -> list[str]:
    """Return two lines for each image: what it is and what the model says, if that can be said."""
    name, said = next(iter(model(images).items()))
    if name == "logits":
        pairs = zip(targets.tolist(), said.argmax(1).tolist(), strict=True)
        return [f"is {classes[is_][:14]}\nsaid: {classes[guess][:14]}" for is_, guess in pairs]
    if said.ndim == 1:
        pairs = zip(targets.tolist(), said.tolist(), strict=True)
        return [f"is {is_:.0f}\nsaid: {guess:.0f}" for is_, guess in pairs]
    return [f"{name.replace('_', ' ')}\n" for _ in images]
