"""mlp: the fully connected baseline. Every pixel has its own weight to every unit, so its parameter
count shows what a convolution saves by sharing.
"""

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from sightline.networks import layers


@dataclass(frozen=True)
class Settings:
    """`widths`: the units of each hidden layer; `dropout`: the share of units dropped."""

    __pydantic_config__ = {"extra": "forbid"}
    widths: list[int]
    dropout: float = 0.0

    def __post_init__(self):
        if not self.widths or min(self.widths) < 1:
            raise ValueError("widths needs at least one layer of at least one unit")


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
