"""rnn: h_t = tanh(W_hh h_{t-1} + W_xh x_t + b), the plain recurrence (Elman 1990). Its gradient
passes through W_hh and tanh' at every step back in time, and vanishes.
"""

from typing import Literal

from torch import nn

from sightline.networks import layers
from sightline.settings.section import section


@section
class Settings(layers.RecurrentSettings):
    """`initialisation`: orthogonal, or uniform as torch draws weights, whose W_hh shortens a state
    at every step: what stood some dozens of steps back is lost before anything is learned.
    """

    initialisation: Literal["orthogonal", "uniform"] = "orthogonal"


class Network(layers.Recurrent):
    """An orthogonal W_hh keeps the length of a gradient; what shrinks it is then tanh alone."""

    def __init__(self, settings: Settings, shape: tuple[int, int, int], outputs: int):
        super().__init__(settings, shape, outputs)
        if settings.initialisation == "uniform":
            for rnn in self.cells():
                rnn.reset_parameters()

    def cell(self, inputs: int, hidden: int) -> nn.RNN:
        """Return one tanh layer."""
        rnn = nn.RNN(inputs, hidden)
        nn.init.orthogonal_(rnn.get_parameter("weight_hh_l0"))
        nn.init.xavier_uniform_(rnn.get_parameter("weight_ih_l0"))
        nn.init.zeros_(rnn.get_parameter("bias_ih_l0"))
        nn.init.zeros_(rnn.get_parameter("bias_hh_l0"))
        return rnn
