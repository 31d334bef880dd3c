"""What the talk works through by hand, done by the layers that our networks are made of."""

import pytest
import torch
from torch import nn

from sightline import networks

IMAGE = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
FILTER = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
SHAPE = (6, 5, 1)


def layer(network: nn.Module, kind: type) -> nn.Module:
    return next(module for module in network.modules() if isinstance(module, kind))


def cnn() -> nn.Module:
    module = networks.module("cnn")
    return module.Network(module.Settings(widths=[1]), (5, 5, 1), 2)


def recurrent(name: str, **settings) -> nn.Module:
    module = networks.module(name)
    torch.manual_seed(0)
    return module.Network(module.Settings(hidden_size=4, **settings), SHAPE, 3)


def test_the_cnns_convolution_slides_the_filter_over_the_image():
    convolution = layer(cnn(), nn.Conv2d)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([[FILTER]]))
        seen = convolution(torch.tensor([[IMAGE]], dtype=torch.float32))[0, 0]
    # the talk's filter stays inside the image; ours pads by one pixel, so its inside must agree
    assert seen[1:-1, 1:-1].tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_the_cnns_pooling_keeps_the_largest_of_each_2x2_square():
    pool = layer(cnn(), nn.MaxPool2d)
    seen = pool(torch.tensor([[[[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]]]]))
    assert (pool.kernel_size, pool.stride) == (2, 2)
    assert seen[0, 0].tolist() == [[6, 8], [3, 4]]


def test_rnn_is_the_recurrence_of_the_talk_with_shared_weights():
    network = recurrent("rnn")
    cell = layer(network, nn.RNN)
    x = torch.randn(2, 6, 5)
    h = torch.zeros(2, 4)
    bias = cell.bias_ih_l0 + cell.bias_hh_l0
    for t in range(6):
        h = torch.tanh(h @ cell.weight_hh_l0.T + x[:, t] @ cell.weight_ih_l0.T + bias)
    assert torch.allclose(network.states(x)[:, -1], h, atol=1e-6)


def test_irnn_starts_as_a_memory_that_nothing_disturbs():
    network = recurrent("irnn")
    cell = layer(network, nn.RNN)
    assert torch.equal(cell.weight_hh_l0, torch.eye(4))
    assert not cell.bias_hh_l0.any() and not cell.bias_ih_l0.any()
    x = torch.zeros(1, 6, 5)
    x[0, 0] = 1  # an impulse at the first step, then nothing
    states = network.states(x)[0]
    assert torch.equal(states[0], states[-1]) and states[-1].any()


def test_lstm_starts_with_open_forget_gates():
    cell = layer(recurrent("lstm"), nn.LSTM)
    assert (cell.bias_ih_l0 + cell.bias_hh_l0).tolist() == [0] * 4 + [1] * 4 + [0] * 8


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_memory_holds_a_state_over_hundreds_of_steps(name):
    def kept(**settings) -> float:
        """How much of an impulse at the first step is left after 200 empty ones, at most."""
        module = networks.module(name)
        torch.manual_seed(0)
        network = module.Network(module.Settings(hidden_size=32, **settings), (201, 1, 1), 2)
        steps = torch.zeros(2, 201, 1)
        steps[1, 0] = 3
        nothing, impulse = network.states(steps)
        moved = (impulse - nothing).abs()
        return (moved[-1].max() / moved[0].max()).item()

    assert kept() < 1e-6
    assert kept(memory=200) > 1e-3


def test_the_gradient_vanishes_in_tanh_and_not_in_irnn():
    def decay(name: str, **settings) -> float:
        module = networks.module(name)
        torch.manual_seed(0)
        network = module.Network(module.Settings(hidden_size=64, **settings), (28, 28, 1), 10)
        steps = torch.rand(28, 8, 28) * 2 - 0.5
        cell, h, states = layer(network, nn.RNN), torch.zeros(1, 8, 64), []
        for t in range(28):
            h = cell(steps[t : t + 1], h)[1]
            h.retain_grad()
            states.append(h)
        network.head(h[0]).square().sum().backward()
        return (states[0].grad.norm() / states[-1].grad.norm()).item()

    assert decay("rnn", initialisation="uniform") < 1e-4
    assert 1e-4 < decay("rnn") < 0.05
    assert decay("irnn") > 0.2


def test_a_convolution_needs_far_fewer_weights_than_a_full_connection():
    def count(name: str, **settings) -> int:
        module = networks.module(name)
        network = module.Network(module.Settings(**settings), (28, 28, 1), 10)
        return sum(p.numel() for p in network.parameters())

    assert count("mlp", widths=[512, 512]) == 784 * 512 + 512 + 512 * 512 + 512 + 5120 + 10
    assert count("cnn", widths=[16, 32, 64]) < count("mlp", widths=[512, 512]) / 8
