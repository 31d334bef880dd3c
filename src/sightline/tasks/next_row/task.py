"""next-row: what the next row of pixels will be, asked after every row (sequence prediction)."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sightline.networks import layers
from sightline.settings.recipe import Recipe
from sightline.tasks.base import Graph, Task
from sightline.tasks.next_row.words import WORDS


class NextRow(Task):
    """Raw are logits, N x H x W x C: those at row t are for the pixels of row t + 1.

    A logit's sigmoid is the pixel's expected intensity, 0 to 1. The likelihood is Bernoulli's:
    intensity x counts as a pixel that is on with probability x (stochastic binarisation,
    Salakhutdinov and Murray 2008), and its negative logarithm is taken in expectation,
    -x log p - (1 - x) log(1 - p). Both it and the squared error are least where p is the mean of x
    given the rows above (proper scores). Targets are not used: the images hold the answer.
    """

    words = WORDS

    def outputs(self, meta: dict[str, Any]) -> int:
        """Return the values in a row."""
        return meta["width"] * meta["channels"]

    def mistake(self, network: layers.Network, recipe: Recipe) -> str | None:
        """Return what is in the way: it takes a recurrent network that reads rows onward."""
        if not isinstance(network, layers.Recurrent):
            return "it sees the whole image at once: take rnn, irnn, lstm or gru"
        if network.sequence != "rows":
            return f"it reads {network.sequence}: set sequence: rows"
        if network.backward_in_time:
            return "it reads backward too, and has seen what it is asked for: drop bidirectional"
        if network.shape[0] == 1:
            return "its images have one row, and no next one to ask for: raise image_size"
        if recipe.min_rows == 1:
            return "an image of one row has no next one to ask for: set min_rows to 2 or more"
        return super().mistake(network, recipe)

    def read(
        self, network: layers.Recurrent, images: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return raw for every row, and as features the state after the last one, N x F."""
        states = network.time_first(network.steps(images), lengths)
        _, width, channels = network.shape
        raw = network.head(states).transpose(0, 1).unflatten(2, (width, channels))
        return raw, layers.last(states, lengths)

    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return next_row, N x H x W x C: the expected intensity, 0 to 1."""
        return {"next_row": raw.sigmoid()}

    def write(self, graph: Graph, network: layers.Network, states: str, features: str) -> bool:
        """Write next_row."""
        _, width, channels = network.shape
        weight = graph.constant("head.weight", network.head.weight.T)
        graph.add("MatMul", [states, weight], "product")
        graph.add("Add", ["product", graph.constant("head.bias", network.head.bias)], "rows")
        graph.add("Transpose", ["rows"], "rows_by_image", perm=[1, 0, 2])
        shape = graph.constant("image_shape", [0, -1, width, channels])
        graph.add("Reshape", ["rows_by_image", shape], "raw")
        graph.add("Sigmoid", ["raw"], "next_row")
        return True

    def loss(
        self,
        raw: Tensor,
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Return the mean negative log-likelihood of a pixel, in nats."""
        pixels = functional.binary_cross_entropy_with_logits(
            raw[:, :-1], images[:, 1:].float() / 255, reduction="none"
        )
        return per_image(pixels, lengths).mean()

    def scores(
        self,
        outputs: dict[str, Tensor],
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the mean squared error of each image's rows but the first, pixels from 0 to 1."""
        return per_image((outputs["next_row"][:, :-1] - images[:, 1:].float() / 255) ** 2, lengths)


def per_image(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the means, N, of values N x H-1 x W x C over the rows that are real.

    The value at t belongs to row t + 1: of an image of `lengths` rows, one less count.
    """
    rows = values.mean((2, 3))
    if lengths is None:
        return rows.mean(1)
    real = torch.arange(1, rows.shape[1] + 1, device=rows.device) < lengths.view(-1, 1)
    return (rows * real).sum(1) / real.sum(1)


TASK = NextRow()
