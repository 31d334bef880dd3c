"""A short training on drawn bars, which kills itself at a step if asked to: `make gpu`."""

import argparse
import json
import os
import signal
from pathlib import Path
from typing import Any

from support import write_processed

from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Augment, Optimizer, Recipe, Schedule
from sightline.training.loop import train
from sightline.training.step import Training

BATCH = 60  # of 240 images: four steps an epoch


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("device", choices=["cpu", "cuda"])
    options.add_argument("root", type=Path, help="of the workspace; made where it is missing")
    options.add_argument("steps", type=int, help="a multiple of four")
    options.add_argument("--die-at", type=int, help="the step before which to be killed")
    arguments = options.parse_args()
    layout = Layout(arguments.root)
    if not layout.processed("bars").path.exists():
        write_processed(layout.processed("bars").path)
    if arguments.die_at:
        die_at(arguments.die_at)
    recipe = Recipe(
        epochs=arguments.steps // 4,
        batch_size=BATCH,
        optimizer=Optimizer("sgd", 0.05, momentum=0.9),
        schedule=Schedule("one-cycle", warmup=0.3),
        augment=Augment(rotate=5, translate=1, flip="alternating", cutout=2),
        ema=0.9,
        network={"widths": [16, 32]},
    )
    compute = Compute(arguments.device, threads=1, checkpoint_seconds=0)
    train("it", Model("bars", "cnn", "classify", "it", 3, "random"), recipe, compute, layout)
    (arguments.root / "timing.json").write_text(json.dumps(ModelResults("it", layout).timing))


def die_at(step: int) -> None:
    """Have this process killed before it takes one step."""
    take_step = Training.take_step

    def until_then(training: Training, *batch: Any) -> None:
        if training.step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        take_step(training, *batch)

    Training.take_step = until_then


if __name__ == "__main__":
    main()
