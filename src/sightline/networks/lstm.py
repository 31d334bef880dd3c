"""lstm: gates decide what a cell keeps, takes in and gives out (Hochreiter, Schmidhuber 1997). The
cell's own recurrence is a sum, so its gradient passes unchanged while the forget gate is open.
"""

from torch import nn

from sightline.networks import layers

Settings = layers.GatedSettings


class Network(layers.Recurrent):
    """The third remedy. Forget gates start open, bias 1 (Gers et al. 2000; Jozefowicz 2015), or
    with `memory` as wide as that takes; what a cell keeps long it then takes in slowly.
    """

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(settings, shape, outputs)
        if settings.memory:
            for lstm in self.cells():
                take_in, forget, *_ = lstm.get_parameter("bias_ih_l0").detach().chunk(4)
                layers.hold(forget, settings.memory)
                take_in.copy_(-forget)

    def cell(self, inputs: int, hidden: int) -> nn.LSTM:
        """Return one LSTM layer."""
        lstm = nn.LSTM(inputs, hidden)
        nn.init.zeros_(lstm.get_parameter("bias_hh_l0"))
        bias = nn.init.zeros_(lstm.get_parameter("bias_ih_l0"))
        nn.init.ones_(bias[hidden : 2 * hidden].detach())  # order: in, forget, cell, out
        return lstm
