"""gru: two gates instead of three and no separate cell (Cho et al. 2014, arXiv:1406.1078)."""

from torch import nn

from sightline.networks import layers

Settings = layers.RecurrentSettings


class Network(layers.Recurrent):
    """torch's own initialisation: uniform within 1/sqrt(hidden_size)."""

    def cell(self, inputs: int, hidden: int) -> nn.GRU:
        """Return one GRU layer."""
        return nn.GRU(inputs, hidden)
