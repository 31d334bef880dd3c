"""gru: two gates instead of three and no separate cell (Cho et al. 2014, arXiv:1406.1078)."""

from torch import nn

from sightline.networks import layers

Settings = layers.GatedSettings


class Network(layers.Recurrent):
    """torch's own initialisation, uniform within 1/sqrt(hidden_size); with `memory` the update gate
    starts by keeping the state.
    """

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(settings, shape, outputs)
        if settings.memory:
            for gru in self.cells():
                bias = gru.get_parameter("bias_ih_l0").detach()
                _, update, _ = bias.chunk(3)  # 1 keeps the state, in torch
                layers.hold(update, settings.memory)

    def cell(self, inputs: int, hidden: int) -> nn.GRU:
        """Return one GRU layer."""
        return nn.GRU(inputs, hidden)
