"""The training curve: a row of epochs.csv for each epoch."""

from typing import Any

import torch

from sightline.tasks.asking import at_once
from sightline.training.step import Training

VAL_BATCH = 1000


def row(training: Training, epoch: int) -> dict[str, Any]:
    """Return the row of the epoch just finished. Without a val split its columns stay empty."""
    columns = {
        "epoch": epoch + 1,
        "step": training.step,
        "learning_rate": f"{training.learning_rate():.6g}",
    }
    means = training.totals / training.epoch_steps
    columns |= figures(training, "train", *means.tolist())
    if len(training.val_set):
        return columns | figures(training, "val", *validate(training))
    return columns | dict.fromkeys(figures(training, "val", 0, 0), "")


def line(training: Training, row: dict[str, Any]) -> str:
    """Return the row of an epoch as a person reads it: what counts first, a narrow line is cut."""
    columns = [key for key in reversed(row) if key not in ("epoch", "step") and row[key]]
    figures = ", ".join(f"{key} {float(row[key]):.4g}" for key in columns)
    epochs, seconds = training.recipe.epochs, training.seconds
    return f"epoch {row['epoch']} of {epochs}: {figures}, {seconds:.0f} s"


def figures(training: Training, split: str, loss: float, score: float) -> dict[str, str]:
    """Return the columns of a split: its mean loss, and the figure that its mean score is."""
    task = training.task
    return {
        f"{split}_loss": f"{loss:.6f}",
        f"{split}_{task.words.figure}": f"{task.figure(score):.6f}",
    }


@torch.no_grad()
def validate(training: Training) -> tuple[float, float]:
    """Return mean loss and score on val, with the averaged weights where there are such.

    Each rank takes its part of val. Leaves the network in evaluation mode.
    """
    ranks, val_set = training.place.ranks, training.val_set
    sums = torch.zeros(2, dtype=torch.float64, device=training.place.device)
    part = ranks.part(len(val_set))  # of few images a rank may have none
    batch = at_once(VAL_BATCH, val_set.array)
    starts = range(part.start, part.stop, batch)
    indices = (torch.arange(start, min(start + batch, part.stop)) for start in starts)
    with training.averaged():
        ranks.broadcast_buffers(training.network.eval())
        for _, images, targets in val_set.batches(indices):
            loss, scores = training.objective(images, targets)
            sums += torch.stack([loss.double() * len(images), scores.sum().double()])
    loss, score = (ranks.sum(sums) / len(val_set)).tolist()
    return loss, score
