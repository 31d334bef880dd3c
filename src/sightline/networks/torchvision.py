"""torchvision: every classification model of torchvision.models, its last layer replaced by ours.

It learns from random values; `start` in params.yaml may name weights that torchvision publishes.
"""

import difflib
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torchvision import models

from sightline.networks import layers
from sightline.settings.section import section

_OWN_ARGUMENTS = {  # what a model is told besides its name; None stands for the images' size
    "googlenet": dict(init_weights=True, aux_logits=False),
    "inception_v3": dict(init_weights=True, aux_logits=False),
    "maxvit": {"input_size": None},
    "vit": {"image_size": None},
}
_LAYERS = (nn.Linear, nn.Conv2d)
# these know the size: of a grid of patches or windows, or of the maps that linear layers read
_ONE_SIZE = ("alexnet", "maxvit", "swin", "vgg", "vit")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")  # classifiers that only training from nothing has


@section
class Settings:
    """`architecture`: a name of torchvision.models, such as resnet50 or convnext_tiny."""

    architecture: str

    def __post_init__(self) -> None:
        known = models.list_models(module=models)
        if self.architecture not in known:
            near = difflib.get_close_matches(self.architecture, known, n=5, cutoff=0.0)
            raise ValueError(
                f"torchvision has no classification model '{self.architecture}': the nearest of "
                f"its {len(known)} are {', '.join(near)}"
            )


class Network(layers.Network):
    """The model without its last layer (`body`), then the head. Grey images become three equal
    channels, because the models read three.
    """

    multiplies_outside_layers = True

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        body = build(settings.architecture, shape)
        replaced, last = last_layer(body)
        super().__init__(shape, outputs, inputs_of(last))
        self.replaced = replaced
        body.set_submodule(self.replaced, nn.Identity())
        if isinstance(body, models.MNASNet):  # it asks state dicts for a version that ours lack
            body._load_from_state_dict = partial(nn.Module._load_from_state_dict, body)
        self.body = body
        self.any_size = not settings.architecture.startswith(_ONE_SIZE)
        self.try_size(settings.architecture)

    @torch.no_grad()
    def try_size(self, architecture: str) -> None:
        """Raise ValueError where the model cannot read images of this size."""
        height, width, channels = self.shape
        self.eval()
        try:
            self.features(torch.empty(1, channels, height, width))
        except (AssertionError, RuntimeError) as error:
            if "meta" in str(error):  # about values that are not there, not about the size
                raise
            why = str(error).splitlines()[0].rstrip(".")
            raise ValueError(
                f"{architecture} cannot read {height} x {width} images ({why}): take larger ones"
            ) from None
        self.train()

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x feature_size: what the model's own last layer would read."""
        return self.body(images.expand(-1, 3, -1, -1))

    def own_weights(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of torchvision's own model under the names that it has here."""
        own = {}
        for name, value in published.items():
            if name.startswith(f"{self.replaced}."):
                own[f"head.{name.removeprefix(f'{self.replaced}.')}"] = value
            elif not name.startswith(_AUXILIARY):
                own[f"body.{name}"] = value
        return own


def build(architecture: str, shape: tuple[int, int, int]) -> nn.Module:
    """Return torchvision's model with random weights. ValueError where it refuses the size."""
    height, width, _ = shape
    arguments = dict(_OWN_ARGUMENTS.get(architecture.split("_")[0], {}))
    arguments |= _OWN_ARGUMENTS.get(architecture, {})
    for key in arguments.keys() & {"image_size", "input_size"}:
        arguments[key] = height if key == "image_size" else (height, width)
    try:
        return models.get_model(architecture, weights=None, **arguments)
    except (AssertionError, ValueError):  # of a vit, of a maxvit
        patch = architecture.rpartition("_")[2]
        multiple = f"{patch}, its patch" if patch.isdigit() else "224, for its windows"
        raise ValueError(
            f"{architecture} cannot read {height} x {width} images: take a multiple of {multiple}"
        ) from None


def last_layer(model: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """Return the name and the module of the last layer of weights: the one that tells classes."""
    pairs = [(n, part) for n, part in model.named_modules() if isinstance(part, _LAYERS)]
    return pairs[-1]


def inputs_of(layer: nn.Linear | nn.Conv2d) -> int:
    """Return the number of features that a layer reads."""
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
