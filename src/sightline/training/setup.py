"""A training before its first step."""

import torch
from torch import nn

from sightline import tasks
from sightline.data.arrays import load_extents, load_meta, load_split
from sightline.errors import SightlineError
from sightline.images.crop import resized
from sightline.images.random_numbers import seed_weights
from sightline.layout import Layout
from sightline.models.trained import TrainedModel
from sightline.networks.layers import normalise
from sightline.settings.params import Model
from sightline.settings.recipe import Recipe
from sightline.training.batches import Images, order
from sightline.training.device import Place
from sightline.training.results import describe
from sightline.training.start import begin_with
from sightline.training.step import Training

PREPARED_ON = 1000  # images that a network sees before the first step


def begin(name: str, model: Model, recipe: Recipe, place: Place, layout: Layout) -> Training:
    """Return a training of one model on the arrays of its dataset, from the weights of its start.

    Raises SightlineError where the arrays are missing, the network refuses its settings, or the
    weights do not fit it. That network, task, recipe and dataset go together,
    `sightline.models.check` has seen.
    """
    processed, task = layout.processed(model.dataset), tasks.task(model.task)
    meta = load_meta(processed)
    extents = load_extents(processed, "train")
    train_arrays = load_split(processed, "train")
    train_set = Images(*train_arrays, place.device, place.resident_bytes, extents)
    val_arrays = task.examples(*load_split(processed, "val"), "val")
    val_set = Images(*val_arrays, place.device, place.resident_bytes)
    if (recipe.keep == "best" or recipe.stop) and not len(val_set):
        raise SightlineError(
            f"{name}: its recipe goes by the figure on val (keep, stop), and {model.dataset} has "
            "no val split: set its val_size in params.yaml, or take keep and stop out"
        )
    seed_weights(model.seed)
    trained = build(describe(name, model, recipe, place.threads, meta), place)
    prepare(trained, train_set, model.seed)
    if model.begins_with:
        begin_with(model.begins_with, trained, layout)
    return Training(trained, train_set, val_set, recipe, model.seed, place)


def build(description: dict, place: Place) -> TrainedModel:
    """Return the untrained model on its device, in channels_last, the faster layout everywhere.

    Adds the number of parameters to its description.
    """
    recipe = description["recipe"]
    try:
        trained = TrainedModel(description)
    except ValueError as error:
        raise SightlineError(
            f"{description['name']}: the network {description['network']} refuses its settings: "
            f"{error}: change recipes.{recipe['name']}.network in params.yaml"
        ) from None
    description["parameters"] = sum(p.numel() for p in trained.network.parameters())
    if recipe["bptt_steps"]:
        trained.network.bptt_steps = recipe["bptt_steps"]
    if place.sync_batch_norm:
        trained.network = nn.SyncBatchNorm.convert_sync_batchnorm(trained.network)
    # torch's types know no memory_format here
    return trained.to(place.device, memory_format=torch.channels_last)  # pyright: ignore


def prepare(trained: TrainedModel, train_set: Images, seed: int) -> None:
    """Show the network images of the train split, for what it sets from the data itself."""
    index = order(len(train_set), seed, epoch=0)[:PREPARED_ON]
    images, _ = train_set.take(index)
    if train_set.extents is not None:
        images = resized(images, train_set.extents[index], images.shape[1])
    trained.network.prepare(normalise(images, trained.mean, trained.std))
