"""irnn: h_t = ReLU(W_hh h_{t-1} + W_xh x_t + b) with W_hh = I and b = 0 at the start (Le, Jaitly,
Hinton 2015, arXiv:1504.00941): a state that nothing touches stays, and so does its gradient.
"""

from torch import nn

from sightline.networks import layers

Settings = layers.RecurrentSettings


class Network(layers.Recurrent):
    """Two of the three remedies for the vanishing gradient: ReLU and identity initialisation."""

    def cell(self, inputs: int, hidden: int) -> nn.RNN:
        """Return one ReLU layer whose recurrent weights are the identity."""
        rnn = nn.RNN(inputs, hidden, nonlinearity="relu")
        nn.init.eye_(rnn.get_parameter("weight_hh_l0"))
        nn.init.normal_(
            rnn.get_parameter("weight_ih_l0"), std=0.03
        )  # small: the identity adds up every step
        nn.init.zeros_(rnn.get_parameter("bias_ih_l0"))
        nn.init.zeros_(rnn.get_parameter("bias_hh_l0"))
        return rnn
