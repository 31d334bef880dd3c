"""Whether the networks, tasks and recipes of params.yaml go together. Imports torch."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from sightline import networks, tasks
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings.explain import explain, nearest
from sightline.settings.params import Model, Params
from sightline.settings.recipe import Recipe


def check_models(params: Params, layout: Layout, names: Iterable[str] = ()) -> None:
    """Raise SightlineError with a line for each mistake in the entries of models; all if none is
    named.

    A network or task that is not there, a setting that the network does not know or refuses, and a
    network that cannot do the task.
    """
    mistakes = []
    for name in names or params.models:
        model, recipe = params.model(name)
        mistakes += [f"{layout.params}: {line}" for line in _unknown(name, model)]
        if model.network not in networks.names():
            continue
        settings = networks.module(model.network).Settings
        try:
            TypeAdapter(settings).validate_python(recipe.network)
        except ValidationError as error:
            where = f"recipes.{model.recipe}.network"
            explained = explain(layout.params, error, settings, where)
            mistakes.append(f"{explained} (used by models.{name})")
            continue
        if model.task in tasks.names() and (why := mistake(model, recipe)):
            mistakes.append(
                f"{layout.params}: models.{name}: {model.network} with recipe {model.recipe} "
                f"cannot do {model.task}: {why}"
            )
    if mistakes:
        raise SightlineError("\n".join(mistakes))


def _unknown(name: str, model: Model) -> list[str]:
    return [
        f"models.{name}.{kind}: no {kind} '{value}': {nearest(value, known)}"
        for kind, value, known in (
            ("network", model.network, networks.names()),
            ("task", model.task, tasks.names()),
        )
        if value not in known
    ]


def mistake(model: Model, recipe: Recipe) -> str | None:
    """Return why a model's network with its recipe cannot do its task, and what to do; None where
    it can.
    """
    module = networks.module(model.network)
    if (recipe.min_rows or recipe.bptt_steps) and not module.Network.takes_lengths:
        return "min_rows and bptt_steps are for networks that read sequences: drop them"
    settings = module.Settings(**recipe.network)
    return tasks.task(model.task).mistake(module.Network, settings, recipe)
