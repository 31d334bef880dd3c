"""cnn: blocks of two 3x3 convolutions, after KellerJordan/cifar10-airbench: pool before norm, so
that normalising and the non-linearity work on a quarter of the pixels.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from sightline.networks import layers


@dataclass(frozen=True)
class Settings:
    """`widths`: the channels of each block; every block halves height and width."""

    __pydantic_config__ = {"extra": "forbid"}
    widths: list[int]

    def __post_init__(self):
        if not self.widths or min(self.widths) < 1:
            raise ValueError("widths needs at least one block of at least one channel")


class Network(layers.Network):
    """The blocks, then the maximum over what is left of the image: where a thing stands does not
    matter, whether it stands there does.
    """

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(shape, outputs, settings.widths[-1])
        height, width, channels = shape
        if min(height, width) >> len(settings.widths) < 1:
            raise ValueError(
                f"{len(settings.widths)} blocks halve a {height} x {width} image to nothing"
            )
        sizes = [channels, *settings.widths]
        self.blocks = nn.Sequential(
            *(block(a, b) for a, b in pairwise(sizes)),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
        )

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x widths[-1]."""
        return self.blocks(images)


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return one block; the image leaves it with half its height and width."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
