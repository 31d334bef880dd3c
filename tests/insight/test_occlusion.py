"""Occlusion maps against values worked out by hand."""

import math
from types import SimpleNamespace

import pytest
import torch

from sightline.insight.occlusion import effect_on, occlusion


class Model(SimpleNamespace):
    """Answers with what `answer` makes of the images; logits are of classes."""

    mean = torch.tensor([10 / 255])

    def __call__(self, images):
        return self.answer(images.float())

    @property
    def task(self):
        names = self(torch.zeros(1, 3, 3, 1))
        return SimpleNamespace(
            words=SimpleNamespace(choice="logits" if "logits" in names else None)
        )


def test_each_pixel_has_the_mean_effect_of_the_squares_that_cover_it():
    corner = Model(answer=lambda images: {"value": images[:, :1, 0, 0]})
    image = torch.full((3, 3, 1), 100, dtype=torch.uint8)
    # squares of 2 at four places; one of them turns the corner's 100 into the mean colour, 10
    effects = occlusion(corner, image, effect_on(corner, image), side=2)
    assert effects.tolist() == [[90, 45, 0], [45, 22.5, 0], [0, 0, 0]]
    assert (image == 100).all()


def test_with_classes_it_is_what_the_log_probability_of_the_answer_loses():
    def answer(images):
        bright = images[:, 0, 0] / 100
        return {"logits": torch.cat([2 * bright, torch.zeros_like(bright)], dim=1)}

    model, image = Model(answer=answer), torch.full((1, 1, 1), 100, dtype=torch.uint8)
    ((effects,),) = occlusion(model, image, effect_on(model, image), side=1).tolist()
    softplus = [math.log1p(math.exp(-x)) for x in (2, 0.2)]  # -log p at logits (x, 0)
    assert effects == pytest.approx(softplus[1] - softplus[0], abs=1e-6)


def test_covering_what_misleads_is_below_zero():
    def answer(images):
        one, other = images[:, 0, 0], images[:, 0, 1]
        return {"logits": torch.cat([one, other], dim=1) / 10}

    model = Model(answer=answer)
    image = torch.tensor([[[90], [60]]], dtype=torch.uint8)
    ((supports, misleads),) = occlusion(model, image, effect_on(model, image), side=1).tolist()
    assert supports > 0 > misleads


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (64, 64)])
def test_every_pixel_is_covered_whatever_the_size(size):
    model = Model(answer=lambda images: {"value": images.sum((1, 2))})
    image = torch.full((*size, 1), 11, dtype=torch.uint8)
    effects = occlusion(model, image, effect_on(model, image), side=max(1, min(size) // 4))
    assert effects.min() > 0
