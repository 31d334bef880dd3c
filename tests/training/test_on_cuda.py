"""Every recipe's forward pass on a CUDA device, without one: fake tensors know devices and shapes.

A tensor that was left on the CPU is an error there, as it would be on a GPU. Backward passes and
autocast need a real one.
"""

from dataclasses import replace

import pytest
import torch
from support import PROJECT
from torch._subclasses.fake_tensor import FakeTensorMode

from sightline import tasks
from sightline.images.augment import augment
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.layout import Layout
from sightline.models.trained import TrainedModel
from sightline.settings import params
from sightline.settings.params import Compute
from sightline.training.device import choose
from sightline.training.objective import Objective
from sightline.training.results import describe

SETTINGS = params.load(Layout(PROJECT))
BATCH = 4


def meta(dataset: params.Dataset) -> dict:
    sizes = {"height": dataset.image_size, "width": dataset.image_size}
    channels = dataset.channels
    about = {"mean": [0.5] * channels, "std": [0.25] * channels, "channels": channels}
    return {**sizes, **about, "classes": [str(label) for label in range(10)]}


# torch's fused cell of a GRU asks the driver even for fake tensors
@pytest.mark.parametrize("name", [n for n, m in SETTINGS.models.items() if m.network != "gru"])
def test_nothing_of_a_forward_pass_stays_on_the_cpu(name):
    model, recipe = SETTINGS.model(name)
    about = meta(SETTINGS.datasets[model.dataset])
    description = describe(name, model, recipe, 1, about)
    place = replace(choose(Compute("cpu")), device=torch.device("cuda"))
    numbers = RandomNumbers(generator(0, "augment", 0), BATCH, slice(0, BATCH))
    # cuDNN has no fake recurrence; torch's own has
    with torch.backends.cudnn.flags(enabled=False), FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            trained = TrainedModel(description)
        shape = (BATCH, about["height"], about["width"], about["channels"])
        images = torch.empty(shape, dtype=torch.uint8, device="cuda")
        labels = torch.empty(BATCH, dtype=torch.int64, device="cuda")
        images = augment(images, torch.arange(BATCH), recipe.augment, numbers, 0, 0)
        images, targets = tasks.task(model.task).pose(images, labels, numbers)
        loss, scores = Objective(trained, place)(images, targets)
        assert loss.device.type == scores.device.type == "cuda"
