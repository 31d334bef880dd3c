"""rotation: by how many degrees an image has been turned (regression)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sightline.images.random_numbers import RandomNumbers
from sightline.images.turn import turn
from sightline.networks import layers
from sightline.settings.recipe import Recipe
from sightline.tasks.base import Graph, Task, write_linear
from sightline.tasks.rotation.words import WORDS

LIMIT = 45.0  # degrees, to either side
SEEDS = {"val": 0, "test": 1}  # of the angles that figures are measured on
CHUNK = 1000  # images turned at a time: a grid takes eight bytes a pixel


class Rotation(Task):
    """Raw is the angle in units of LIMIT, N x 1; targets are degrees, float32 N, counter-clockwise.

    Training turns each image anew at every visit, by an angle from a uniform distribution; val and
    test are turned by fixed ones, the same for every model.
    """

    words = WORDS

    scales: ClassVar[dict[str, float]] = {"angle": LIMIT}

    def outputs(self, meta: dict[str, Any]) -> int:
        """Return 1: the angle."""
        return 1

    def mistake(self, network: layers.Network, recipe: Recipe) -> str | None:
        """Return what is in the way: images that augmentation has turned already."""
        if recipe.augment.rotate or recipe.augment.trivial:
            key = "rotate" if recipe.augment.rotate else "trivial"
            return (
                f"augment.{key} turns images before the task does, and makes angles wrong: drop it"
            )
        return super().mistake(network, recipe)

    def pose(self, images: Tensor, labels: Tensor, random: RandomNumbers) -> tuple[Tensor, Tensor]:
        """Return the images, each turned by an angle of its own, and the angles."""
        angles = angles_of(random.uniform()).to(images.device, non_blocking=True)
        return turn(images, angles), angles

    def examples(
        self, images: np.ndarray, labels: np.ndarray, split: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the turned images and their angles."""
        draw = torch.Generator().manual_seed(SEEDS[split])
        angles = angles_of(torch.rand(len(images), generator=draw))
        turned = np.empty(images.shape, np.uint8)  # of a memory map, no memory map
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            turned[part] = turn(torch.from_numpy(np.array(images[part])), angles[part]).numpy()
        return turned, angles.numpy()

    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return angle, N, in degrees."""
        # Not raw[:, 0], whose nodes OpenCV refuses at batch 1 and which end ncnn's process. The
        # product first: after a Reshape to [-1], OpenCV 4 gives every image that of the first.
        return {"angle": (raw * LIMIT).reshape(-1)}

    def write(self, graph: Graph, network: layers.Network, states: str, features: str) -> bool:
        """Write angle."""
        raw = write_linear(graph, network.head, features, "raw")
        graph.add("Mul", [raw, graph.constant("limit", torch.tensor(LIMIT))], "degrees")
        graph.add("Reshape", ["degrees", graph.constant("flat", [-1])], "angle")
        return True

    def loss(
        self,
        raw: Tensor,
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Return the mean squared error, in units of LIMIT squared."""
        return functional.mse_loss(raw[:, 0], targets / LIMIT)

    def scores(
        self,
        outputs: dict[str, Tensor],
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the squared errors, in degrees squared."""
        return (outputs["angle"] - targets) ** 2

    def figure(self, mean: float) -> float:
        """Return the root mean squared error, in degrees."""
        return mean**0.5


def angles_of(shares: Tensor) -> Tensor:
    """Return angles from -LIMIT to LIMIT, of numbers from 0 to 1."""
    return (2 * shares - 1) * LIMIT


TASK = Rotation()
