"""resnet: residual blocks (He et al. 2015, arXiv:1512.03385). With widths [64, 128, 256, 512] and
stem `large` it is torchvision's, parameter for parameter: ResNet-18 with blocks 2, ResNet-34 with
blocks [3, 4, 6, 3], ResNet-50 with these and `bottleneck`.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from sightline.networks import layers
from sightline.settings.section import Count, Share, Switch, section

# torch 2.14's strided 1x1 convolution of fewer than 8 channels corrupts memory on the CPU
Width = Annotated[Count, Field(ge=8)]

EXPANSION = 4  # of a bottleneck: its outputs for each of its inner channels


@section
class Settings:
    """`widths`: channels of each stage; `blocks`: residual blocks in each stage, one number or one
    for each.

    `stem`: small (3x3, stride 1; images up to about 64 pixels) or large (7x7, stride 2, then a
    pool of stride 2; images of 128 and more). `bottleneck`: blocks of 1x1, 3x3 and 1x1 filters,
    whose outputs are four times as many as `widths` says. `blur`: a fixed filter before each
    convolution of stride 2 in a block (Zhang 2019, arXiv:1904.11486; as ffcv-imagenet has it).
    `drop_path`: the share of images for which training leaves the last block out; earlier blocks
    less, down to none (stochastic depth, Huang et al. 2016, arXiv:1603.09382).
    """

    widths: Annotated[list[Width], Field(min_length=1)]
    blocks: Count | list[Count]
    stem: Literal["small", "large"] = "small"
    bottleneck: Switch = False
    blur: Switch = False
    drop_path: Share = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.blocks, list) and len(self.blocks) != len(self.widths):
            raise ValueError(
                f"blocks has {len(self.blocks)} numbers and widths has {len(self.widths)}: a stage "
                "needs one of each"
            )

    @property
    def depths(self) -> list[int]:
        """The number of blocks of each stage."""
        blocks = self.blocks
        return blocks if isinstance(blocks, list) else [blocks] * len(self.widths)


class Network(layers.Network):
    """Stem, stages, mean over the image. Every stage but the first halves height and width."""

    any_size = True

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        expansion = EXPANSION if settings.bottleneck else 1
        super().__init__(shape, outputs, settings.widths[-1] * expansion)
        first = settings.widths[0]
        kernel, stride = (7, 2) if settings.stem == "large" else (3, 1)
        self.stem = nn.Sequential(
            nn.Conv2d(shape[2], first, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1) if settings.stem == "large" else nn.Identity(),
        )
        blocks, inputs, last = [], first, max(sum(settings.depths) - 1, 1)
        for stage, (width, depth) in enumerate(zip(settings.widths, settings.depths, strict=True)):
            for index in range(depth):
                stride = 2 if stage and index == 0 else 1
                drop = settings.drop_path * len(blocks) / last
                blocks.append(Block(inputs, width, stride, settings, drop))
                inputs = width * expansion
        self.stages = nn.Sequential(*blocks)

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x feature_size."""
        return self.stages(self.stem(images)).mean(dim=(2, 3))


class Block(nn.Module):
    """x + f(x): f is two convolutions, or three with a bottleneck; a 1x1 convolution fits x where
    the size changes.
    """

    def __init__(self, inputs: int, width: int, stride: int, settings: Settings, drop: float):
        super().__init__()
        self.drop = drop
        outputs = width * EXPANSION if settings.bottleneck else width
        last_norm = nn.BatchNorm2d(outputs)
        nn.init.zeros_(last_norm.weight)  # each block starts as the identity
        blur = [Blur(inputs)] if settings.blur and stride > 1 else []
        if settings.bottleneck:
            inner_blur = [Blur(width)] if blur else []
            parts = [
                nn.Conv2d(inputs, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                *inner_blur,
                nn.Conv2d(width, width, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, outputs, 1, bias=False),
            ]
        else:
            parts = [
                *blur,
                nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            ]
        self.residual = nn.Sequential(*parts, last_norm)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            fit = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            again = [Blur(inputs)] if blur else []
            self.shortcut = nn.Sequential(*again, fit, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, N x outputs x H / stride x W / stride."""
        residual = self.residual(x)
        if self.training and self.drop:
            kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop
            residual = residual * (kept / (1 - self.drop)).to(residual.dtype)
        return nn.functional.relu(self.shortcut(x) + residual)


class Blur(nn.Conv2d):
    """A fixed filter of 3 x 3, 1 2 1 both ways, on each channel by itself."""

    def __init__(self, channels: int):
        super().__init__(channels, channels, 3, padding=1, groups=channels, bias=False)
        one = torch.tensor([1.0, 2.0, 1.0]) / 4
        del self.weight
        self.register_buffer("weight", (one[:, None] * one).expand(channels, 1, 3, 3).clone())
