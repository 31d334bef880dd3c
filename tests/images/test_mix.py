"""Mixup, CutMix, colour jitter and random erasing: what each does to an image and to its class."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from sightline.images.augment import augment
from sightline.images.colour import colour
from sightline.images.mix import beta, mix
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.settings.recipe import Augment, Colour, Erase


@pytest.fixture
def images() -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (64, 10, 12, 3), dtype=torch.uint8, generator=draw)


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.arange(64) % 5


def random_of(count=64, step=0, part=slice(0, None)) -> RandomNumbers:
    return RandomNumbers(generator(1, "x", step), count, part)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 2.0])
def test_shares_have_the_beta_distribution(alpha):
    shares = beta(alpha, random_of(20_000))
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
    assert shares.min() >= 0 and shares.max() <= 1 and shares.isfinite().all()


def test_mixup_blends_neighbours_and_their_classes_alike(images, labels):
    mixed, targets = mix(images, labels, 5, 0.4, 0.0, random_of())
    assert torch.allclose(targets.sum(1), torch.ones(64))
    for n, share in enumerate(targets.gather(1, labels.view(-1, 1))[:, 0].tolist()):
        other = images[n ^ 1].float()
        wanted = share * images[n].float() + (1 - share) * other
        assert (mixed[n].float() - wanted).abs().max() <= 0.51
        assert targets[n, labels[n ^ 1]] == pytest.approx(1 - share, abs=1e-6)
    assert torch.equal(mixed, mix(images, labels, 5, 0.4, 0.0, random_of())[0])


def test_cutmix_takes_a_box_of_the_neighbour(images, labels):
    mixed, targets = mix(images, labels, 5, 0.0, 1.0, random_of())
    shares = targets.gather(1, labels.view(-1, 1))[:, 0]
    for n, share in enumerate(shares.tolist()):
        own = (mixed[n] == images[n]).all(-1)
        other = (mixed[n] == images[n ^ 1]).all(-1)
        assert (own | other).all()
        assert own.float().mean() == pytest.approx(share, abs=0.02)
        box = ~own
        assert box.sum() == box.any(0).sum() * box.any(1).sum()
    assert shares.min() < 0.3 and shares.max() > 0.7


def test_both_take_turns(images, labels):
    mixed, _ = mix(images, labels, 5, 0.4, 1.0, random_of())
    own = (mixed == images).all(-1) | (mixed == images[torch.arange(64) ^ 1]).all(-1)
    pasted = own.flatten(1).all(1).float().mean()
    assert 0.3 < pasted < 0.7


def test_the_last_of_an_odd_number_stays(images, labels):
    mixed, targets = mix(images[:5], labels[:5], 5, 0.4, 1.0, random_of(5))
    assert torch.equal(mixed[4], images[4]) and targets[4].tolist() == [0, 0, 0, 0, 1]


def test_parts_of_a_batch_mix_as_all_of_it(images, labels):
    mixed, targets = mix(images, labels, 5, 0.4, 1.0, random_of())
    for part in (slice(0, 20), slice(20, 64)):
        alone = mix(images[part], labels[part], 5, 0.4, 1.0, random_of(part=part))
        assert torch.equal(alone[0], mixed[part]) and torch.equal(alone[1], targets[part])


@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_a_colour_changes_as_torchvision_changes_it(images, kind):
    random = random_of().uniform(3)[["brightness", "contrast", "saturation"].index(kind)]
    changed = colour(images, Colour(**{kind: 0.4}), random_of())
    by_torchvision = getattr(functional, f"adjust_{kind}")
    for image, draw, result in zip(images, random.tolist(), changed, strict=True):
        wanted = by_torchvision(image.permute(2, 0, 1), 1 + (2 * draw - 1) * 0.4).permute(1, 2, 0)
        assert (result.int() - wanted.int()).abs().max() <= 1


def test_grey_images_have_no_saturation(images):
    grey = images[..., :1]
    assert torch.equal(colour(grey, Colour(saturation=0.9), random_of()), grey)
    assert not torch.equal(colour(grey, Colour(contrast=0.9), random_of()), grey)


def test_a_part_of_some_images_is_covered(images):
    settings = Augment(erase=Erase(area=[0.1, 0.3], ratio=[0.5, 2.0], chance=0.5))
    erased = augment(images, torch.arange(64), settings, random_of(), seed=1, epoch=0)
    holes = (erased != images).any(-1)
    covered = holes.flatten(1).any(1)
    assert 0.3 < covered.float().mean() < 0.7
    shares = holes[covered].float().mean(dim=(1, 2))
    assert shares.min() > 0.05 and shares.max() < 0.4
    for image, result, hole in zip(images[covered], erased[covered], holes[covered], strict=True):
        mean = np.asarray(Image.fromarray(image.numpy())).mean((0, 1)).astype(np.uint8)
        assert (result[hole].numpy() == mean).all()
