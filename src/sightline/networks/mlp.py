"""mlp: the fully connected baseline. Every pixel has its own weight to every unit, so its parameter
count shows what a convolution saves by sharing.
"""

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from sightline.networks import layers
from sightline.settings.section import Count, Share, section


@section
class Settings:
    """`widths`: the units of each hidden layer; `dropout`: the share of units dropped."""

    widths: Annotated[list[Count], Field(min_length=1)]
    dropout: Share = 0.0


class Network(layers.Network):
    """Linear, ReLU, dropout for each width."""

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(shape, outputs, settings.widths[-1])
        height, width, channels = shape
        sizes = [height * width * channels, *settings.widths]
        self.hidden = nn.Sequential(nn.Flatten())
        for inputs, units in pairwise(sizes):
            self.hidden.extend([nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(settings.dropout)])

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the last hidden layer, N x widths[-1]."""
        return self.hidden(images)
