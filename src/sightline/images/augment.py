"""Augmentation: the random changes of a recipe, one after the other, on a whole batch at a time."""

from torch import Tensor

from sightline.images.colour import colour
from sightline.images.cutout import cutout, erase
from sightline.images.flip import alternately_flipped, flip
from sightline.images.random_numbers import RandomNumbers
from sightline.images.translate import translate
from sightline.images.trivial import trivial
from sightline.images.turn import turn
from sightline.settings.recipe import Augment


def augment(
    images: Tensor, index: Tensor, settings: Augment, random: RandomNumbers, seed: int, epoch: int
) -> Tensor:
    """Return uint8 images N x H x W x C, changed at random; `index` says which images they are."""
    if settings.rotate or settings.scale:
        degrees, sizes = (2 * random.uniform(2) - 1).to(images.device, non_blocking=True)
        images = turn(images, degrees * settings.rotate, 1 + sizes * settings.scale)
    if settings.translate:
        images = translate(images, settings.translate, random)
    if settings.flip == "random":
        images = flip(images, random.uniform() < 0.5)
    elif settings.flip == "alternating":
        images = flip(images, alternately_flipped(index, seed, epoch))
    if settings.trivial:
        images = trivial(images, random)
    if settings.colour:
        images = colour(images, settings.colour, random)
    if settings.cutout:
        images = cutout(images, settings.cutout, random)
    if settings.erase:
        images = erase(images, settings.erase, random)
    return images
