"""The training loop: one for every model. It reads from top to bottom."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sightline.data.arrays import load_meta
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.device import gpu_errors
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Recipe
from sightline.training import checkpoint, curve
from sightline.training.device import choose
from sightline.training.results import leave
from sightline.training.setup import begin
from sightline.training.step import Training

logger = logging.getLogger(__name__)

CHECK_EVERY = 20  # steps between looks at the loss: each look makes a GPU wait for the CPU
LESS_MEMORY = (
    "raise accumulate in its recipe (the steps stay the same), lower its batch_size or image_size "
    "of its dataset, raise compute.processes where there are more GPUs, or end what else uses this "
    "one (nvidia-smi)"
)

Progress = Callable[[int, int, float], None]  # step, steps, and the mean loss of the epoch so far


def train(
    name: str,
    model: Model,
    recipe: Recipe,
    compute: Compute,
    layout: Layout,
    progress: Progress = lambda step, steps, loss: None,
) -> None:
    """Train one model and leave weights.pt, model.json and epochs.csv.

    A training that was killed goes on from its last checkpoint, to the same bits on the CPU.
    Raises SightlineError where the loss is no number, the data is missing, or there is no CUDA
    device where one is asked for.
    """
    place, processed = choose(compute), layout.processed(model.dataset)
    logger.info("train %s on %s", name, place.reason)
    training = begin(name, model, recipe, place, layout)
    description, first = training.description, place.ranks.first
    key = checkpoint.key(description, load_meta(processed)["sha256"], place)
    path = layout.state.checkpoints / f"{name}-{key}.pt"
    if first:
        checkpoint.delete_forgotten(path.parent)
    with checkpoint.alone(path) if first else nullcontext():
        state = checkpoint.load(path, layout.state) if first else None
        if state := place.ranks.from_first(state):
            training.load(state)
            logger.info("resuming from step %d of %d: %s", training.step, training.steps, path)
        save = (lambda state: checkpoint.save(path, state)) if first else None
        with gpu_errors(name, LESS_MEMORY, "the same command goes on from the last checkpoint"):
            run(training, progress, save, compute.checkpoint_seconds)
        if first:
            leave(layout, training)
            path.unlink(missing_ok=True)


def run(
    training: Training,
    progress: Progress = lambda step, steps, loss: None,
    save: Callable[[dict[str, Any]], None] | None = None,
    save_every: float = math.inf,
) -> None:
    """Take the steps that are left; hand the state of the training to `save` every so many seconds.

    Raises SightlineError where the loss is no number.
    """
    begun, saved = time.perf_counter() - training.seconds, time.perf_counter()
    for epoch in range(training.step // training.epoch_steps, training.recipe.epochs):
        if training.best.long_ago(len(training.history)):
            logger.info("%s: no better epoch since epoch %d", training.name, training.best.epoch)
            break
        for batch in training.batches(epoch):
            training.take_step(*batch, epoch)
            taken = training.step - epoch * training.epoch_steps  # steps of this epoch
            epoch_ends = taken == training.epoch_steps
            due = save is not None and time.perf_counter() - saved > save_every
            if epoch_ends or due or training.step % CHECK_EVERY == 0:
                loss = training.totals[0].item() / taken
                refuse_nan(training, loss)
                progress(training.step, training.steps, loss)
            if epoch_ends:
                training.history.append(row := curve.row(training, epoch))
                refuse_nan(training, float(row["val_loss"] or loss))  # after the last step
                if training.best.asked_for:
                    training.best.see(row, training.newest_weights)
                logger.info("%s", curve.line(training, row))
                training.totals.zero_()
            training.seconds = time.perf_counter() - begun
            if save is not None and due and training.step < training.steps:
                save(training.state())
                saved = time.perf_counter()


def refuse_nan(training: Training, loss: float) -> None:
    """Stop loudly: nothing that comes after a loss that is no number is worth its time."""
    if not math.isfinite(loss):
        raise SightlineError(
            f"{training.name}: the loss is {loss} at step {training.step} of {training.steps}, "
            f"learning rate {training.learning_rate():.4g}: lower optimizer.learning_rate in its "
            "recipe, or set clip_norm"
        )
