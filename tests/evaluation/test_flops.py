"""FLOPs against sums worked out by hand."""

import pytest
import torch
from torch import nn

from sightline.evaluation.flops import flops
from sightline.models.trained import TrainedModel


def model(network: str, settings: dict) -> TrainedModel:
    description = {
        "network": network,
        "task": "classify",
        "recipe": {"network": settings},
        "shape": [12, 12, 1],
        "outputs": 3,
        "data": {"mean": [0.5], "std": [0.25]},
    }
    return TrainedModel(description).eval()


def linear(inputs: int, outputs: int) -> int:
    return 2 * inputs * outputs


def test_flops_are_two_per_multiply_and_add():
    layers = [(1, 4, 12), (4, 4, 6), (4, 8, 6), (8, 8, 3)]  # inputs, outputs, side
    convolutions = sum(2 * 9 * a * b * side**2 for a, b, side in layers)
    assert flops(model("cnn", {"widths": [4, 8]})) == convolutions + linear(8, 3)
    steps = 12 * (linear(12, 64) + linear(16, 64))
    assert flops(model("lstm", {"hidden_size": 16})) == steps + linear(16, 3)


def test_a_recurrent_layer_costs_all_its_matrices_at_each_step():
    class Holder(nn.Module):
        def __init__(self, cell):
            super().__init__()
            self.cell, self.description = cell, {"shape": [4, 3, 1]}

        def forward(self, images):
            return self.cell(images.float().flatten(2))[0]

    torch.manual_seed(0)
    for cell, gates in ((nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)):
        expected = 4 * 2 * gates * 5 * (3 + 5)
        assert flops(Holder(cell(3, 5, batch_first=True)).eval()) == expected


def test_a_layer_without_a_rule_is_an_error_not_a_smaller_sum():
    class Attentive(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.description = nn.Bilinear(2, 2, 2), {"shape": [4, 3, 1]}

    with pytest.raises(TypeError, match="operations of a Bilinear"):
        flops(Attentive())
