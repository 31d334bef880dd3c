"""rnn: h_t = tanh(W_hh h_{t-1} + W_xh x_t + b), the plain recurrence (Elman 1990). Its gradient
passes through W_hh and tanh' at every step back in time, and vanishes.
"""

from torch import nn

from sightline.networks import layers

Settings = layers.RecurrentSettings


class Network(layers.Recurrent):
    """An orthogonal W_hh keeps the length of a gradient; what shrinks it is then tanh alone."""

    def cell(self, inputs: int, hidden: int) -> nn.RNN:
        """Return one tanh layer."""
        rnn = nn.RNN(inputs, hidden)
        nn.init.orthogonal_(rnn.weight_hh_l0)
        nn.init.xavier_uniform_(rnn.weight_ih_l0)
        nn.init.zeros_(rnn.bias_ih_l0)
        nn.init.zeros_(rnn.bias_hh_l0)
        return rnn
