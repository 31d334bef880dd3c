"""cnn: blocks of 3x3 convolutions, after KellerJordan/cifar10-airbench: pool before norm, so that
normalising and the non-linearity work on a quarter of the pixels.
"""

from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from sightline.networks import layers
from sightline.settings.section import Count, Natural, Positive, Switch, section

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


@section
class Settings:
    """`widths`: the channels of each block; every block halves height and width.

    `convolutions`: in each block. `norm_scale`: false leaves the norms their biases alone.
    `norm_momentum`: the weight of a batch in a norm's running figures. `whiten`: the side of the
    patches that a first, frozen layer whitens (see `whitening`), 0 is none. `dirac`: filters start
    as the identity, as far as their input has channels: a residual network without its additions.
    `small_head`: the head starts at a standard deviation of 1 / features, near equal probabilities
    (airbench's weights of deviation 1 behind a division by the features, in one).
    """

    widths: Annotated[list[Count], Field(min_length=1)]
    convolutions: Count = 2
    activation: Literal["relu", "gelu", "silu"] = "relu"
    pool: Literal["before-norm", "after-norm"] = "before-norm"
    norm_scale: Switch = True
    norm_momentum: Annotated[Positive, Field(le=1)] = 0.1
    whiten: Natural = 0
    dirac: Switch = False
    small_head: Switch = False


class Network(layers.Network):
    """The blocks, then the maximum over what is left of the image: where a thing stands does not
    matter, whether it stands there does.
    """

    any_size = True

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(shape, outputs, settings.widths[-1])
        height, width, channels = shape
        lost = max(settings.whiten - 1, 0)  # the whitening layer has no padding
        if (min(height, width) - lost) >> len(settings.widths) < 1:
            raise ValueError(
                f"{len(settings.widths)} blocks halve a {height} x {width} image to nothing"
            )
        self.whiten = None
        if settings.whiten:
            filters = 2 * channels * settings.whiten**2
            self.whiten = nn.Conv2d(channels, filters, settings.whiten)
            self.whiten.weight.requires_grad_(False)
            nn.init.zeros_(self.whiten.get_parameter("bias"))
            channels = filters
        self.activation = ACTIVATIONS[settings.activation]()
        sizes = [channels, *settings.widths]
        self.blocks = nn.Sequential(
            *(block(a, b, settings) for a, b in pairwise(sizes)),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )
        if settings.small_head:
            nn.init.normal_(self.head.weight, std=1 / self.feature_size)
            nn.init.zeros_(self.head.bias)

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Set the whitening layer from training images, normalised, N x C x H x W."""
        if self.whiten is not None:
            self.whiten.weight.copy_(whitening(images, self.whiten.kernel_size[0]))

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x widths[-1]."""
        if self.whiten is not None:
            images = self.activation(self.whiten(images))
        return self.blocks(images)


def block(inputs: int, outputs: int, settings: Settings) -> nn.Sequential:
    """Return one block; the image leaves it with half its height and width."""
    parts = []
    for index in range(settings.convolutions):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        if settings.dirac:
            nn.init.dirac_(convolution.weight[:inputs].detach())
        norm = nn.BatchNorm2d(outputs, momentum=settings.norm_momentum)
        norm.weight.requires_grad_(settings.norm_scale)
        rest = [norm, ACTIVATIONS[settings.activation]()]
        if index == 0:
            rest.insert(0 if settings.pool == "before-norm" else 2, nn.MaxPool2d(2))
        parts += [convolution, *rest]
        inputs = outputs
    return nn.Sequential(*parts)


def whitening(images: Tensor, side: int, eps: float = 5e-4) -> Tensor:
    """Return filters, 2 C side^2 x C x side x side, whose answers to the patches of `images`
    (normalised, N x C x H x W) are uncorrelated and of unit variance.

    The eigenvectors of the patches' covariance, each over the root of its eigenvalue (plus `eps`,
    so that what hardly varies is not blown up), and their negatives, because an activation cuts
    off one side (Jordan 2024, arXiv:2404.00498, section 3.2).
    """
    channels = images.shape[1]
    patches = images.unfold(2, side, 1).unfold(3, side, 1)  # N x C x rows x columns x side x side
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels * side**2)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values + eps).sqrt()).T.reshape(-1, channels, side, side)
    return torch.cat([filters, -filters])
