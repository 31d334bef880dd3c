"""resnet: residual blocks (He et al. 2015, arXiv:1512.03385). With widths [64, 128, 256, 512],
blocks 2 and stem `large` it is ResNet-18, parameter for parameter.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from sightline.networks import layers
from sightline.settings.section import Count, section

# torch 2.14's strided 1x1 convolution of fewer than 8 channels corrupts memory on the CPU
Width = Annotated[Count, Field(ge=8)]


@section
class Settings:
    """`widths`: channels of each stage; `blocks`: residual blocks in each stage.

    `stem`: small (3x3, stride 1; images up to about 64 pixels) or large (7x7, stride 2, then a
    pool of stride 2; images of 128 and more).
    """

    widths: Annotated[list[Width], Field(min_length=1)]
    blocks: Count
    stem: Literal["small", "large"] = "small"


class Network(layers.Network):
    """Stem, stages, mean over the image. Every stage but the first halves height and width."""

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(shape, outputs, settings.widths[-1])
        first = settings.widths[0]
        kernel, stride = (7, 2) if settings.stem == "large" else (3, 1)
        self.stem = nn.Sequential(
            nn.Conv2d(shape[2], first, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1) if settings.stem == "large" else nn.Identity(),
        )
        blocks, inputs = [], first
        for stage, width in enumerate(settings.widths):
            for index in range(settings.blocks):
                blocks.append(Block(inputs, width, 2 if stage and index == 0 else 1))
                inputs = width
        self.stages = nn.Sequential(*blocks)

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x widths[-1]."""
        return self.stages(self.stem(images)).mean(dim=(2, 3))


class Block(nn.Module):
    """x + f(x): f is two convolutions; a 1x1 convolution fits x where the size changes."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        last_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(last_norm.weight)  # each block starts as the identity
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            last_norm,
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, N x outputs x H / stride x W / stride."""
        return nn.functional.relu(self.shortcut(x) + self.residual(x))
