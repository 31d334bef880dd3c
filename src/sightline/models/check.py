"""Whether the networks, tasks and recipes of params.yaml go together, on the images of their
dataset. Imports torch; needs no data.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from sightline import networks, tasks
from sightline.errors import SightlineError, one_line
from sightline.layout import Layout
from sightline.models.shapes import refused, sketch
from sightline.models.start import mistake as mistake_of_weights
from sightline.networks import TORCHVISION
from sightline.networks.layers import Network
from sightline.settings import catalogue
from sightline.settings.explain import explain, nearest
from sightline.settings.params import RANDOM, Compute, Dataset, Model, Params
from sightline.settings.recipe import Recipe
from sightline.tasks.base import Task


def check_models(params: Params, layout: Layout, names: Iterable[str] = ()) -> None:
    """Raise SightlineError with a line for each mistake in the entries of models; all if none is
    named.

    A network or task that is not there, a setting that the network does not know or refuses, what a
    network, a recipe, a task or images of this size cannot do together, and compute.compile where
    nothing can compile.
    """
    mistakes = [line for name in names or params.models for line in _of_model(name, params, layout)]
    if params.compute.compile and (why := _cannot_compile(params.compute)):
        mistakes.append(f"{layout.params}: compute.compile: {why}")
    if mistakes:
        raise SightlineError("\n".join(mistakes))


def _of_model(name: str, params: Params, layout: Layout) -> Iterator[str]:
    path, (model, recipe) = layout.params, params.model(name)
    yield from (f"{path}: {line}" for line in _unknown(name, model))
    if model.network not in networks.names():
        return
    try:
        settings = _settings(model, recipe, path)
    except SightlineError as error:
        yield f"{error} (used by models.{name})"
        return
    if model.task not in tasks.names():
        return
    dataset = params.dataset(model.dataset)
    if why := mistake(model, recipe, settings, dataset, params.compute):
        yield (
            f"{path}: models.{name}: {model.network} with recipe {model.recipe} "
            f"cannot do {model.task}: {why}"
        )
        return
    if model.start is None:
        yield (
            f"{path}: models.{name}.start: this key is required: {RANDOM}, or the model or "
            "the weights that it begins with"
        )
    elif recipe.frozen_norms and not model.begins_with:
        yield (
            f"{path}: models.{name}: {model.recipe} has frozen_norms, the statistics of a start "
            f"are kept, and {name} starts from {RANDOM}: name a start, or drop it"
        )
    elif why := _start_mistake(name, params, layout):
        yield f"{path}: models.{name}.start: {why}"


def _start_mistake(name: str, params: Params, layout: Layout) -> str | None:
    """Return why a model cannot begin with the weights of the one that it starts from."""
    start = params.models[name].begins_with
    if start in params.weights:
        return _architecture_mistake(name, start, params, layout)
    if start not in params.models or any(
        _of_model(start, params, layout)
    ):  # which has a line of its own
        return None
    own, given = (_sketched(model, params).state_dict() for model in (name, start))
    if why := mistake_of_weights(own, given):
        return f"{start}: {why}: give both models the same network settings"
    return None


def _architecture_mistake(name: str, start: str, params: Params, layout: Layout) -> str | None:
    """Return why weights are not for a model's network, as far as their entry says it."""
    if not (theirs := catalogue.weights(layout.weights_catalogue, start).architecture):
        return None
    model, recipe = params.model(name)
    own = recipe.network.get("architecture") if model.network == TORCHVISION else model.network
    if own == theirs:
        return None
    return (
        f"{start} is of torchvision's {theirs}, and {model.recipe} has {own}: set network: "
        f"{TORCHVISION} and its setting architecture: {theirs}"
    )


def _sketched(name: str, params: Params) -> Network:
    """Return the network of a model, without memory for its weights."""
    model, recipe = params.model(name)
    dataset, module = params.dataset(model.dataset), networks.module(model.network)
    shape = (dataset.asked_size, dataset.asked_size, dataset.channels)
    images = {"classes": ["any", "number"], "width": shape[1], "channels": shape[2]}
    outputs = tasks.task(model.task).outputs(images)
    return sketch(module, module.Settings(**recipe.network), shape, outputs)


def _settings(model: Model, recipe: Recipe, path: Path) -> Any:
    kind = networks.module(model.network).Settings
    try:
        return TypeAdapter(kind).validate_python(recipe.network)
    except ValidationError as error:
        where = f"recipes.{model.recipe}.network"
        raise SightlineError(explain(path, error, kind, where)) from None


def _unknown(name: str, model: Model) -> list[str]:
    return [
        f"models.{name}.{kind}: no {kind} '{value}': {nearest(value, known)}"
        for kind, value, known in (
            ("network", model.network, networks.names()),
            ("task", model.task, tasks.names()),
        )
        if value not in known
    ]


def mistake(
    model: Model, recipe: Recipe, settings: Any, dataset: Dataset, compute: Compute
) -> str | None:
    """Return why a model's network, set by `settings`, cannot do its task with its recipe on images
    of the dataset's size, and what to do; None where it can.
    """
    module, task, size = networks.module(model.network), tasks.task(model.task), dataset.asked_size
    if (recipe.min_rows or recipe.bptt_steps) and not module.Network.takes_lengths:
        return "min_rows and bptt_steps are for networks that read sequences: drop them"
    images = {"classes": ["any", "number"], "width": size, "channels": dataset.channels}
    try:
        shape = (size, size, dataset.channels)
        network = sketch(module, settings, shape, task.outputs(images))
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:
        return f"{one_line(error)[:200]}: change recipes.{model.recipe}.network"
    return (
        task.mistake(network, recipe)
        or _sizes_mistake(network, task, recipe, dataset)
        or _mix_mistake(task, recipe, compute)
        or _rows_mistake(network, recipe)
        or _frozen_mistake(network, recipe)
        or _rates_mistake(network, recipe)
        or _batch_mistake(network, recipe, compute)
    )


def _sizes_mistake(network: Network, task: Task, recipe: Recipe, dataset: Dataset) -> str | None:
    stored, asked = dataset.image_size, dataset.asked_size
    if dataset.longer_side > 1 and task.words.choice is None:
        return "it looks at the squares of train, and longer_side keeps more: drop longer_side"
    for size in {size.pixels for size in recipe.train_size} or {stored}:
        if size > stored:
            return (
                f"train_size goes up to {size} pixels, and {stored} are stored: lower it, or raise "
                "image_size"
            )
        if size == asked:
            continue
        if network.takes_lengths or refused(network, 2, size):
            return (
                f"it is trained at {size} pixels and asked at {asked}, and cannot read {size} "
                "beside that: set train_size and the dataset's evaluation to one size that it reads"
            )
    return None


def _mix_mistake(task: Task, recipe: Recipe, compute: Compute) -> str | None:
    if not recipe.augment.mixes:
        return None
    if task.words.choice is None:
        return "mixup and cutmix mix classes, and here are none: drop them"
    if recipe.batch_size % (2 * compute.processes):
        return (
            f"mixup and cutmix mix two neighbours, and a batch of {recipe.batch_size} is no pairs "
            f"for each of {compute.processes} processes: make batch_size a multiple of "
            f"{2 * compute.processes}"
        )
    return None


def _rows_mistake(network: Network, recipe: Recipe) -> str | None:
    if recipe.min_rows > (rows := network.shape[0]):
        return f"an image has {rows} rows, and min_rows is {recipe.min_rows}: lower it"
    if recipe.min_rows and not network.any_height:
        return "min_rows shows upper rows, and a network of permuted pixels reads none: drop it"
    return None


def _frozen_mistake(network: Network, recipe: Recipe) -> str | None:
    frozen = set()
    for part, epochs in recipe.frozen_after.items():
        try:
            parameters = network.get_submodule(part).parameters()
        except AttributeError:
            parts = [name for name, _ in network.named_children()]
            return f"frozen_after names {part}, which the network lacks: {nearest(part, parts)}"
        if epochs < recipe.epochs:
            frozen.update(parameters)
    if all(values in frozen for values in network.parameters() if values.requires_grad):
        return "frozen_after leaves no part to train in the last epoch: take one out"
    return None


def _rates_mistake(network: Network, recipe: Recipe) -> str | None:
    parts = dict(network.named_modules())
    for part in recipe.optimizer.parts:
        if part not in parts or part == "":
            known = [name for name, _ in network.named_children()]
            return f"optimizer.parts names {part}, which the network lacks: {nearest(part, known)}"
    return None


def _batch_mistake(network: Network, recipe: Recipe, compute: Compute) -> str | None:
    least = recipe.batch_size // compute.processes  # the smallest part of a batch
    if not least:
        return (
            f"a batch of {recipe.batch_size} cannot be shared by {compute.processes} processes: "
            "lower compute.processes, or raise batch_size"
        )
    no_statistics = network.takes_lengths or compute.sync_batch_norm or recipe.frozen_norms
    if least == 1 and not no_statistics:
        network.train()
        for part, epochs in recipe.frozen_after.items():
            network.get_submodule(part).train(epochs > 0)
        if error := refused(network, least):  # batch norm has nothing to take a variance of
            return f"it refuses a batch of one image: {one_line(error)[:200]}: raise batch_size"
    return None


def _cannot_compile(compute: Compute) -> str | None:
    if compute.device == "cuda" or (compute.device == "auto" and torch.cuda.is_available()):
        return None
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(shlex.split(compiler)[0]):  # torch's choice (torch/_inductor/config.py)
        return None
    return (
        f"on the CPU torch compiles with {compiler}, and there is none here: install it, name "
        "another in CXX, or set compile to false (or device to cuda, where GPU workers train)"
    )
