"""Every network: shapes, lengths, sequences, and the errors of its settings."""

import pytest
import torch

from sightline import networks
from sightline.networks import layers

RECURRENT = ["rnn", "irnn", "lstm", "gru"]
SETTINGS = {
    "mlp": {"widths": [16, 8]},
    "cnn": {"widths": [4, 8]},
    "resnet": {"widths": [8, 16], "blocks": 1},
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


def test_resnet_18_has_torchvisions_parameter_count():
    network = build(
        "resnet", (224, 224, 3), 1000, widths=[64, 128, 256, 512], blocks=2, stem="large"
    )
    assert sum(p.numel() for p in network.parameters()) == 11_689_512


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
    sequence = torch.arange(8.0).view(2, 4, 1)
    turned = layers.reverse(sequence, torch.tensor([3, -1])).flatten(1)
    assert turned.tolist() == [[2, 1, 0, 3], [7, 6, 5, 4]]
    assert torch.equal(layers.reverse(sequence, None), sequence.flip(1))


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
        ("resnet", {"widths": [8], "blocks": 0}),
        ("resnet", {"widths": [4], "blocks": 1}),
        ("lstm", {"hidden_size": 0}),
    ],
)
def test_senseless_settings_are_refused(name, settings):
    with pytest.raises(ValueError, match="at least"):
        build(name, **settings)


def test_a_cnn_with_too_many_blocks_says_so():
    with pytest.raises(ValueError, match="halve a 12 x 10 image to nothing"):
        build("cnn", widths=[4] * 4)


def test_normalise_gives_zero_mean_and_unit_variance():
    images = torch.randint(0, 256, (50, 9, 8, 3), dtype=torch.uint8)
    x = images.float() / 255
    seen = layers.normalise(images, x.mean((0, 1, 2)), x.std((0, 1, 2)))
    assert seen.shape == (50, 3, 9, 8)
    assert torch.allclose(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(seen.std((0, 2, 3)), torch.ones(3), atol=1e-5)
