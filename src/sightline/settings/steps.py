"""How many optimizer steps a training takes, and a recipe that takes enough of them."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from sightline.errors import SightlineError
from sightline.files import read_json
from sightline.layout import Layout
from sightline.settings.params import Params

FEWEST = 50  # below so many steps in all a network ends near chance
_ENOUGH = 600  # steps of a recipe made for a small set
# train images up to which a set gets batches of so many, for so many epochs at least
_SIZES = ((1000, 16, 20), (10_000, 32, 30), (math.inf, 128, 12))
# the same where a training begins with weights
_TUNED = ((1000, 16, 12), (10_000, 32, 4), (math.inf, 64, 3))


def train_images(layout: Layout, dataset: str) -> int | None:
    """Return how many train images a dataset has; None where it is not preprocessed yet."""
    try:
        return read_json(layout.processed(dataset).meta, "", "counts")["counts"]["train"]
    except SightlineError:
        return None


def few_steps(params: Params, layout: Layout, names: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each of these models whose recipe takes too few steps to learn much."""
    for name in names:
        model, recipe = params.model(name)
        images = train_images(layout, model.dataset)
        if not images:
            continue
        steps = recipe.epochs * math.ceil(images / recipe.batch_size)
        if steps < FEWEST:
            batch, epochs = _batch_and_epochs(images)
            yield (
                f"{name}: {steps} optimizer steps in all ({images} train images, batches of "
                f"{recipe.batch_size}, {recipe.epochs} epochs) are fewer than {FEWEST}: set "
                f"batch_size: {batch} and epochs: {epochs} in recipes.{model.recipe} of params.yaml"
            )


def recipe_for(images: int, image_size: int, usual: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe `usual`, as params.yaml has it, for a set of so many train images.

    Nothing is mirrored: a mirrored sign is another sign. Where `usual` moves images, they move by a
    tenth of their size: photographs are larger than digits.
    """
    batch, epochs = _batch_and_epochs(images)
    recipe = {**usual, "epochs": epochs, "batch_size": batch}
    augment = {key: value for key, value in recipe.pop("augment", {}).items() if key != "flip"}
    if "translate" in augment:
        augment["translate"] = max(augment["translate"], image_size // 10)
    return {**recipe, "augment": augment} if augment else recipe


def recipe_to_tune(images: int, network: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe for weights that know photographs already, for so many train images.

    `network`: the settings of the network that the weights are of. Adam, because its steps do not
    depend on how large the weights of a file happen to be; the head, which is new, steps faster
    than the rest. Norms keep the statistics that they came with. Nothing is mirrored.
    """
    batch, epochs = next((b, e) for limit, b, e in _TUNED if images <= limit)
    return {
        "epochs": epochs,
        "batch_size": batch,
        "optimizer": {
            "name": "adam",
            "learning_rate": 0.0001,
            "weight_decay": 0.01,
            "parts": {"head": {"learning_rate": 0.002}},
        },
        "schedule": {"name": "one-cycle", "warmup": 0.2},
        "augment": {"crop": {"area": [0.35, 1], "ratio": [0.75, 1.333]}},
        "frozen_norms": True,
        "network": network,
    }


def _batch_and_epochs(images: int) -> tuple[int, int]:
    batch, epochs = next((b, e) for limit, b, e in _SIZES if images <= limit)
    return batch, max(epochs, math.ceil(_ENOUGH / math.ceil(images / batch)))
