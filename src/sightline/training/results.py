"""What a training leaves: the weights, what they are, the curve, and what it took."""

import csv
import io
import logging
import platform
from typing import Any

import torch

from sightline import tasks
from sightline.files import write_atomically, write_json
from sightline.layout import Layout
from sightline.models import timing
from sightline.models.trained import serialise
from sightline.settings.params import Model
from sightline.settings.recipe import Recipe, as_written
from sightline.training.device import dtype_name, processor_name
from sightline.training.step import Training

logger = logging.getLogger(__name__)


def describe(
    name: str, model: Model, recipe: Recipe, threads: int, meta: dict[str, Any]
) -> dict[str, Any]:
    """Return model.json: all that is needed to build the network again and to say what it is.

    `threads` of each process decide the bits; `meta` is the dataset's meta.json.
    """
    return {
        "name": name,
        "network": model.network,
        "task": model.task,
        "recipe": {"name": model.recipe, **as_written(recipe)},
        "seed": model.seed,
        "threads": threads,
        "shape": [meta["height"], meta["width"], meta["channels"]],
        "outputs": tasks.task(model.task).outputs(meta),
        "data": {key: value for key, value in meta.items() if key != "sha256"},
    }


def what_it_took(training: Training) -> dict[str, Any]:
    """Return what a training took, and on what."""
    place = training.place
    return {
        "seconds": round(training.seconds, 3),
        "steps": training.step,
        "steps_executed": training.step - training.resumed_from,
        "images_per_second": round(training.step * training.batch_size / training.seconds, 1),
        "device": place.device.type,
        "processor": processor_name(place.device),
        "dtype": dtype_name(training.objective.dtype),
        "threads": place.threads,
        "processes": place.ranks.count,
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def leave(layout: Layout, training: Training) -> None:
    """Write the outputs of the stage, weights.pt, model.json, epochs.csv, and keep the timing."""
    files = layout.trained(training.name)
    write_atomically(files.weights, serialise(training.weights()))
    if training.best.keep:
        training.description["kept_epoch"] = training.best.epoch
    write_json(files.description, training.description)
    table = io.StringIO()
    writer = csv.DictWriter(table, list(training.history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(training.history)
    write_atomically(files.epochs, table.getvalue())
    timing.keep(layout, training.name, what_it_took(training))
    logger.info("%s", sentence(training, layout))


def sentence(training: Training, layout: Layout) -> str:
    """Return what a training ended with, in a sentence: the figure on val, or on train without."""
    figure, epochs = training.task.words.figure, len(training.history)
    kept = training.best.epoch if training.best.keep else epochs
    last = training.history[kept - 1]
    split = "val" if last[f"val_{figure}"] else "train"
    return (
        f"{training.name}: {figure} {float(last[f'{split}_{figure}']):.4f} on {split} after "
        f"{epochs} epoch{'s' * (epochs > 1)} ({training.step:,} steps, {training.seconds:.0f} s), "
        f"{f'epoch {kept} is kept, ' * (kept < epochs)}"
        f"in {layout.trained(training.name).path}"
    )
