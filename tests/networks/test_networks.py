"""Every network: shapes, lengths, sequences, and the errors of its settings."""

import pytest
import torch
from torch import nn

from sightline import networks
from sightline.networks import layers

RECURRENT = ["rnn", "irnn", "lstm", "gru"]
SETTINGS = {
    "mlp": {"widths": [16, 8]},
    "cnn": {"widths": [4, 8]},
    "resnet": {"widths": [8, 16], "blocks": 1},
    "torchvision": {"architecture": "shufflenet_v2_x0_5"},
    **{name: {"hidden_size": 6} for name in RECURRENT},
}


def build(name: str, shape=(12, 10, 3), outputs=7, **settings):
    module = networks.module(name)
    torch.manual_seed(0)
    return module.Network(module.Settings(**(SETTINGS[name] | settings)), shape, outputs).eval()


def test_every_network_of_the_folder_is_tested_here():
    assert set(networks.names()) == set(SETTINGS)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_features_and_outputs_have_the_promised_shapes(name):
    network = build(name)
    images = torch.randn(5, 3, 12, 10)
    assert network.features(images).shape == (5, network.feature_size)
    assert network(images).shape == (5, 7)


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({"blocks": 2}, 11_689_512),  # resnet18
        ({"blocks": [3, 4, 6, 3]}, 21_797_672),  # resnet34
        ({"blocks": [3, 4, 6, 3], "bottleneck": True}, 25_557_032),  # resnet50
        ({"blocks": [3, 4, 6, 3], "bottleneck": True, "blur": True}, 25_557_032),
    ],
)
def test_resnets_have_torchvisions_parameter_counts(settings, parameters):
    large = {"widths": [64, 128, 256, 512], "stem": "large"}
    with torch.device("meta"):
        network = build("resnet", (224, 224, 3), 1000, **large, **settings)
    assert sum(p.numel() for p in network.parameters()) == parameters
    images = torch.empty(2, 3, 224, 224, device="meta")
    assert network(images).shape == (2, 1000)


def test_blur_keeps_what_is_even_and_removes_what_changes_from_pixel_to_pixel():
    blur = networks.module("resnet").Blur(8)
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4).expand(1, 8, 8, 8)
    inside = (..., slice(1, -1), slice(1, -1))
    assert blur(torch.ones(1, 8, 8, 8))[inside].eq(1).all() and blur(board)[inside].eq(0).all()
    assert not list(blur.parameters()), "nothing trains it"


def test_drop_path_leaves_blocks_out_in_training_alone_and_keeps_the_mean():
    network = build("resnet", widths=[8], blocks=4, drop_path=0.5)
    assert [block.drop for block in network.stages] == pytest.approx([0, 1 / 6, 1 / 3, 1 / 2])
    block = network.stages[-1]
    torch.nn.init.ones_(block.residual[-1].weight)  # it starts as the identity
    images = torch.randn(2000, 8, 4, 4).abs()
    answer = block(images)
    residual = block.residual(images)
    block.train()
    block.residual.eval()
    seen = block(images)
    dropped = (seen == images).flatten(1).all(1)
    assert 0.4 < dropped.float().mean() < 0.6 and not (answer == images).all()
    assert torch.allclose(seen[~dropped], (images + 2 * residual).relu()[~dropped], atol=1e-5)


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("layer_count", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(name, layer_count, bidirectional):
    network = build(name, layers=layer_count, bidirectional=bidirectional)
    images = torch.randn(4, 3, 12, 10)
    lengths = torch.tensor([12, 7, 1, -1])
    padded = images.clone()
    for row, length in enumerate(lengths.tolist()):
        if length >= 0:
            padded[row, :, length:] = 1e3
    seen = network(padded, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = images[row : row + 1] if length < 0 else images[row : row + 1, :, :length]
        assert torch.allclose(seen[row : row + 1], network(alone), atol=1e-5)


def test_reverse_turns_only_what_is_valid():
    sequence = torch.arange(8.0).view(2, 4, 1).transpose(0, 1)
    turned = layers.reverse(sequence, torch.tensor([3, -1])).squeeze(2)
    assert turned.T.tolist() == [[2, 1, 0, 3], [7, 6, 5, 4]]
    assert torch.equal(layers.reverse(sequence, None), sequence.flip(0))


def test_sequences_are_rows_pixels_or_permuted_pixels():
    images = torch.randn(2, 3, 12, 10)
    rows = build("lstm").steps(images)
    assert rows.shape == (2, 12, 30)
    assert torch.equal(rows[1, 4], images[1, :, 4].T.flatten())
    pixels = build("lstm", sequence="pixels").steps(images)
    assert pixels.shape == (2, 120, 3)
    assert torch.equal(pixels[1, 13], images[1, :, 1, 3])
    permuted, again = (build("lstm", sequence="permuted-pixels").steps(images) for _ in range(2))
    assert torch.equal(permuted, again) and not torch.equal(permuted, pixels)
    assert torch.equal(permuted.sort(1).values, pixels.sort(1).values)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mlp", {"widths": []}),
        ("cnn", {"widths": [0]}),
        ("cnn", {"convolutions": 0}),
        ("cnn", {"whiten": -1}),
        ("cnn", {"norm_momentum": 1.5}),
        ("resnet", {"widths": [8], "blocks": 0}),
        ("resnet", {"widths": [8], "blocks": [1, 2]}),
        ("resnet", {"blocks": 1, "widths": [4]}),
        ("lstm", {"hidden_size": 0}),
        ("gru", {"hidden_size": 4, "memory": 2}),
    ],
)
def test_senseless_settings_are_refused(name, settings):
    with pytest.raises(ValueError, match=next(reversed(settings))):
        build(name, **settings)


def test_a_cnn_with_too_many_blocks_says_so():
    with pytest.raises(ValueError, match="halve a 12 x 10 image to nothing"):
        build("cnn", widths=[4] * 4)
    build("cnn", widths=[4] * 3, whiten=3)
    with pytest.raises(ValueError, match="halve a 12 x 10 image to nothing"):
        build("cnn", widths=[4] * 3, whiten=4)


def test_whitened_patches_are_uncorrelated_and_of_unit_variance():
    network = build("cnn", whiten=2)
    images = torch.randn(200, 3, 12, 10)
    images[:, 1] += images[:, 0]  # channels, and
    images[:, :, 1:] += images[:, :, :-1].clone()  # neighbours that depend on each other
    network.prepare(images)
    answers = nn.functional.conv2d(images, network.whiten.weight).transpose(0, 1).flatten(1)
    first, second = answers.chunk(2)
    assert torch.allclose(first @ first.T / first.shape[1], torch.eye(12), atol=0.05)
    assert torch.allclose(first, -second, atol=1e-4)
    assert not network.whiten.weight.requires_grad and network.whiten.bias.requires_grad


def test_dirac_filters_pass_their_input_on():
    convolution = build("cnn", dirac=True).blocks[0][0]
    images = torch.randn(5, 3, 12, 10)
    assert torch.allclose(convolution(images)[:, :3], images)
    wide = build("cnn", dirac=True, widths=[2]).blocks[0][0]
    assert torch.allclose(wide(images), images[:, :2])


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({}, "Conv2d MaxPool2d BatchNorm2d ReLU Conv2d BatchNorm2d ReLU"),
        ({"pool": "after-norm", "convolutions": 1}, "Conv2d BatchNorm2d ReLU MaxPool2d"),
        ({"activation": "gelu", "convolutions": 1}, "Conv2d MaxPool2d BatchNorm2d GELU"),
    ],
)
def test_a_block_holds_what_its_settings_say(settings, parts):
    block = build("cnn", **settings).blocks[0]
    assert " ".join(type(part).__name__ for part in block) == parts


def test_norms_of_a_cnn_without_scales_learn_their_biases_alone():
    network = build("cnn", norm_scale=False, norm_momentum=0.4)
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    assert len(norms) == 4 and all(norm.momentum == 0.4 for norm in norms)
    assert all(norm.bias.requires_grad and not norm.weight.requires_grad for norm in norms)


def test_a_small_head_starts_at_nearly_equal_probabilities():
    images = torch.randn(64, 3, 12, 10)
    small, usual = (build("cnn", widths=[64], small_head=small) for small in (True, False))
    assert small.head.weight.std().item() == pytest.approx(1 / 64, rel=0.1)
    assert small(images).std() < 0.5 * usual(images).std()


def test_normalise_gives_zero_mean_and_unit_variance():
    images = torch.randint(0, 256, (50, 9, 8, 3), dtype=torch.uint8)
    x = images.float() / 255
    seen = layers.normalise(images, x.mean((0, 1, 2)), x.std((0, 1, 2)))
    assert seen.shape == (50, 3, 9, 8)
    assert torch.allclose(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(seen.std((0, 2, 3)), torch.ones(3), atol=1e-5)


def gradients(network: layers.Recurrent, images: torch.Tensor, bptt_steps: int) -> tuple:
    """Outputs, the gradient at each row of the images, and those of the parameters, in training."""
    network.train()
    network.bptt_steps = bptt_steps
    network.zero_grad()
    asked = images.clone().requires_grad_()
    outputs = network(asked)
    outputs.square().sum().backward()
    return outputs.detach(), asked.grad, [p.grad.clone() for p in network.parameters()]


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("layer_count", [1, 2])
def test_truncated_backpropagation_cuts_the_past_and_nothing_else(name, layer_count):
    network, images = build(name, layers=layer_count), torch.randn(4, 3, 12, 10)
    outputs, rows, weights = gradients(network, images, bptt_steps=0)
    for steps in (12, 50):  # as long as the sequence, and longer: the same to the bit
        same = gradients(network, images, steps)
        assert torch.equal(same[0], outputs) and torch.equal(same[1], rows)
        assert all(map(torch.equal, same[2], weights))
    for steps, parts in ((5, [5, 5, 2]), (1, [1] * 12)):
        cut, cut_rows, _ = gradients(network, images, steps)
        assert torch.allclose(cut, outputs, atol=1e-6)
        last = parts[-1]  # the part that the loss is in
        assert not cut_rows[:, :, :-last].any() and rows[:, :, :-last].any()
        assert torch.allclose(cut_rows[:, :, -last:], rows[:, :, -last:], atol=1e-6)
    assert torch.equal(network.eval()(images), build(name, layers=layer_count)(images))
