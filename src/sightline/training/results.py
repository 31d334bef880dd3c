"""What a training leaves: the weights, what they are, the curve, and what it took."""

import csv
import io
import json
import logging
from dataclasses import asdict

from torch import Tensor

from sightline import tasks
from sightline.files import write_atomically, write_json
from sightline.layout import Layout
from sightline.models.trained import serialise
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Recipe

logger = logging.getLogger(__name__)


def describe(name: str, model: Model, recipe: Recipe, compute: Compute, meta: dict) -> dict:
    """Return model.json: all that is needed to build the network again and to say what it is."""
    return {
        "name": name,
        "network": model.network,
        "task": model.task,
        "recipe": {"name": model.recipe, **asdict(recipe)},
        "seed": model.seed,
        "threads": compute.threads,
        "shape": [meta["height"], meta["width"], meta["channels"]],
        "outputs": tasks.task(model.task).outputs(meta),
        "data": {key: value for key, value in meta.items() if key != "sha256"},
    }


def leave(
    layout: Layout, description: dict, weights: dict[str, Tensor], history: list[dict], timing: dict
) -> None:
    """Write the outputs of the stage: weights.pt, model.json, epochs.csv and timing.json.

    `history` has a row for each epoch, all with the same keys.
    """
    name = description["name"]
    write_atomically(layout.model(name).weights, serialise(weights))
    write_json(layout.model(name).description, description)
    table = io.StringIO()
    writer = csv.DictWriter(table, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomically(layout.results(name).epochs, table.getvalue())
    write_json(layout.results(name).timing, timing)
    logger.info("%s: %s", name, json.dumps(history[-1]))
