"""What the start of a new model says about its network."""

from typing import Any, NamedTuple

from sightline import networks
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings import catalogue
from sightline.settings.explain import nearest
from sightline.settings.params import RANDOM, Params


class Beginning(NamedTuple):
    """`network`: its name, and `settings`: those of the weights' own; None where the start does not
    say them. `fetched`: the weights are a file that `weights:` of params.yaml must name.
    """

    network: str | None = None
    settings: dict[str, Any] | None = None
    fetched: bool = False


def beginning(layout: Layout, params: Params, start: str) -> Beginning:
    """Return what a start says: `random`, a model, or weights that data/weights.yaml lists.

    Raises SightlineError where there is none of that name.
    """
    if start == RANDOM:
        return Beginning()
    if start in params.models:
        model, recipe = params.model(start)
        return Beginning(model.network, recipe.network)
    path = layout.weights_catalogue
    listed = catalogue.load(path) if path.exists() else {}
    if start not in listed:
        known = [RANDOM, *params.models, *listed]
        raise SightlineError(f"no model or weights '{start}': {nearest(start, known)}")
    if architecture := catalogue.weights(path, start).architecture:
        return Beginning(networks.TORCHVISION, {"architecture": architecture}, fetched=True)
    return Beginning(fetched=True)
