"""TrivialAugment: each operation gives torchvision's pixels, and each image draws its own."""

import pytest
import torch
from torch.nn import functional
from torchvision.transforms import v2

from sightline.images.random_numbers import RandomNumbers, generator
from sightline.images.trivial import OPERATIONS, STRENGTHS, trivial

THEIRS = v2.TrivialAugmentWide()


def photographs() -> torch.Tensor:
    """Smooth images and one of noise, uint8 6 x 34 x 40 x 3: the last is flat."""
    draw = torch.Generator().manual_seed(0)
    smooth = functional.interpolate(torch.rand(4, 3, 7, 9, generator=draw), (34, 40)).mul(255)
    noise = torch.randint(0, 256, (1, 3, 34, 40), generator=draw)
    images = torch.cat([smooth, noise, torch.full((1, 3, 34, 40), 77)])
    return images.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def by_torchvision(images: torch.Tensor, name: str, level: int, sign: int) -> torch.Tensor:
    """Images changed one by one by torchvision's own operation at a strength."""
    strengths, signed = THEIRS._AUGMENTATION_SPACE[name]
    values = strengths(STRENGTHS, *images.shape[1:3])
    # torch.linspace misses whole numbers by a rounding error, which torchvision cuts to one less
    value = 0.0 if values is None else round(float(values[level]), 5)
    if name == "Solarize":
        value -= 1e-4  # and a level that is exactly the threshold counts
    value = value * sign if signed else value
    changed = [
        THEIRS._apply_image_or_video_transform(
            image.permute(2, 0, 1),
            name,
            int(value) if name == "Posterize" else value,
            v2.InterpolationMode.NEAREST,
            {torch.Tensor: None},
        )
        for image in images
    ]
    return torch.stack(changed).permute(0, 2, 3, 1)


def test_the_operations_are_torchvisions():
    assert list(OPERATIONS) == list(THEIRS._AUGMENTATION_SPACE)
    assert THEIRS.num_magnitude_bins == STRENGTHS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_gives_torchvisions_pixels(name, channels):
    images = photographs()[..., :channels]
    for level in (0, 1, 7, 12, 15, 29, 30):
        for sign in (1, -1):
            strength = torch.full((len(images),), sign * level / (STRENGTHS - 1))
            ours = OPERATIONS[name](images, strength).int()
            gap = (ours - by_torchvision(images, name, level, sign).int()).abs()
            # a level where a mean is rounded; no pixel is taken from another place
            assert gap.max() <= 1, (level, sign)


def test_each_image_draws_an_operation_and_a_strength_of_its_own():
    image = photographs()[:1]
    many = image.expand(2000, -1, -1, -1)
    changed = trivial(many, RandomNumbers(generator(1, "x"), 2000, slice(None)))
    different = {bytes(one.numpy()) for one in changed}
    # 5 + 4 operations with 30 strengths either way, posterize with 6, solarize with 30
    assert 250 < len(different) < 580
    kept = (changed == image).all(dim=(1, 2, 3)).float().mean()
    assert kept == pytest.approx(1 / 14, abs=0.09)  # Identity, and the strength 0 of most


def test_a_tiny_image_is_changed_too():
    images = torch.randint(0, 256, (500, 2, 1, 1), dtype=torch.uint8)
    changed = trivial(images, RandomNumbers(generator(1, "x"), 500, slice(None)))
    assert changed.shape == images.shape and changed.dtype == torch.uint8
