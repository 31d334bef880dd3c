"""Settings drawn from their sections' own fields: a new field is drawn too, with no line here."""

import math
import types
from dataclasses import MISSING, fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from sightline import networks, tasks
from sightline.settings.params import Compute, Dataset, Model
from sightline.settings.recipe import Optimizer, Rates, Recipe

SMALL = 10  # drawn integers stay below
ODD = [True, None, "1", "many", [], {}, -1, 0.5, 10**30, math.nan, math.inf]  # of the wrong form


def section(kind: type, **own: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the keys of a section: those with a default may be missing.

    `own` replaces the strategies of some fields.
    """
    hints = get_type_hints(kind, include_extras=True)
    given: dict[str, st.SearchStrategy] = {}
    optional: dict[str, st.SearchStrategy] = {}
    for field in fields(kind):
        has_default = (field.default, field.default_factory) != (MISSING, MISSING)
        values = own[field.name] if field.name in own else value(hints[field.name])
        (optional if has_default else given)[field.name] = values
    return st.fixed_dictionaries(given, optional=optional)


def value(kind: Any, *limits: Any) -> st.SearchStrategy:
    """Return a strategy for the values of a type as a section writes it."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return value(inner[0], *limits, *inner[1:])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*(value(member) for member in inner))
    if origin is list:
        return st.lists(value(inner[0]), min_size=1, max_size=3)
    if origin is dict:
        return st.dictionaries(st.sampled_from(["blocks", "cells", "head", "it"]), value(inner[1]))
    if kind is type(None):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.sampled_from(["bars", "its", "cnn"])
    if kind in (int, float):
        return number(kind, list(constraints(limits)))
    return section(kind)


def constraints(limits: tuple) -> Any:
    """Give the bounds that are hidden in what annotates a number."""
    for limit in limits:
        yield from constraints(tuple(limit.metadata)) if isinstance(limit, FieldInfo) else [limit]


def number(kind: type, limits: list) -> st.SearchStrategy:
    """Return a strategy for numbers within bounds, at the lower one and a little above it."""

    def allowed(number: float) -> bool:
        return number >= 0 and all(
            number > b.gt if isinstance(b, annotated_types.Gt)
            else number >= b.ge if isinstance(b, annotated_types.Ge)
            else number < b.lt if isinstance(b, annotated_types.Lt)
            else number <= b.le if isinstance(b, annotated_types.Le)
            else True
            for b in limits
        )  # fmt: skip

    numbers = range(SMALL) if kind is int else (0.0, 1e-3, 0.3, 0.9, 2.0, 40.0)
    return st.sampled_from([number for number in numbers if allowed(number)])


def agreed(optimizer: dict[str, Any], rates: dict[str, Any]) -> dict[str, Any]:
    """Return an optimizer without what its own rule does not take, and with what it needs."""
    if optimizer["name"] == "adam":
        return optimizer | {"momentum": 0.0}
    if optimizer["name"] == "muon":
        return optimizer | {"weight_decay": 0.0, "biases": rates, "head": rates}
    return optimizer


@st.composite
def params(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a params.yaml with one dataset, one recipe and one model; some with one odd value."""
    network = draw(st.sampled_from(networks.names()))
    recipe = section(
        Recipe,
        network=st.just({}),  # drawn below
        optimizer=st.builds(agreed, section(Optimizer), section(Rates)),
        epochs=st.just(2),
        batch_size=st.sampled_from([1, 2, 7, 12]),
    )
    model = section(
        Model,
        dataset=st.just("bars"),
        recipe=st.just("its"),
        network=st.just(network),
        task=st.sampled_from(tasks.names()),
    )
    compute = section(
        Compute,
        device=st.just("cpu"),
        threads=st.just(1),
        processes=st.sampled_from([1, 1, 1, 2]),
        sync_batch_norm=st.just(False),  # the CPU has none
        compile=st.just(False),  # a minute an example
    )
    drawn = {
        "catalogue": "sample",
        "datasets": {"bars": draw(section(Dataset, image_size=st.integers(1, 12)))},
        "recipes": {"its": draw(recipe)},
        "models": {"it": draw(model) | {"start": "random"}},
        "compute": draw(compute),
    }
    small = {"architecture": st.sampled_from(["mobilenet_v3_small", "squeezenet1_1"])}
    own = small if network == "torchvision" else {}
    drawn["recipes"]["its"]["network"] = draw(section(networks.module(network).Settings, **own))
    if draw(st.integers(0, 7)) == 7:
        part = draw(st.sampled_from([drawn["recipes"]["its"], drawn["recipes"]["its"]["network"]]))
        part[draw(st.sampled_from([*part, "widht"]))] = draw(st.sampled_from(ODD))
    return drawn
