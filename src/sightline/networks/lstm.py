"""lstm: gates decide what a cell keeps, takes in and gives out (Hochreiter, Schmidhuber 1997). The
cell's own recurrence is a sum, so its gradient passes unchanged while the forget gate is open.
"""

from torch import nn

from sightline.networks import layers

Settings = layers.RecurrentSettings


class Network(layers.Recurrent):
    """The third remedy. Forget gates start open, bias 1 (Gers et al. 2000; Jozefowicz 2015)."""

    def cell(self, inputs: int, hidden: int) -> nn.LSTM:
        """Return one LSTM layer."""
        lstm = nn.LSTM(inputs, hidden)
        nn.init.zeros_(lstm.bias_hh_l0)
        nn.init.zeros_(lstm.bias_ih_l0)
        nn.init.ones_(lstm.bias_ih_l0[hidden : 2 * hidden].detach())  # order: in, forget, cell, out
        return lstm
