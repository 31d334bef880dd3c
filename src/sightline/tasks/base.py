"""The form of a task: from images to a question, from the head's answer to loss and outputs."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from sightline.images.random_numbers import RandomNumbers
from sightline.networks import layers
from sightline.settings.recipe import Recipe
from sightline.tasks.words import Words


class Graph(Protocol):
    """An ONNX graph that grows (`sightline.export.recurrent`)."""

    def constant(self, name: str, value: Tensor | list[int]) -> str:
        """Keep a constant under its name, which is returned."""
        ...

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        """Add a node, named after its first output, which is returned."""
        ...


def write_linear(graph: Graph, head: nn.Linear, inputs: str, output: str) -> str:
    """Write the head for features N x F, and return its output, N x outputs."""
    weights = [graph.constant("head.weight", head.weight), graph.constant("head.bias", head.bias)]
    return graph.add("Gemm", [inputs, *weights], output, transB=1)


class Task(ABC):
    """What a model is asked for: all that differs between tasks from the images to the outputs.

    `raw` is what the head returns, `outputs` are the named outputs of the trained model and of the
    exported file. Images are uint8 N x H x W x C, raw pixels. `lengths`, int64 N, counts steps as
    the network does (`layers.Network.steps_per_row`); None: the whole sequence.
    """

    words: ClassVar[Words]  # what people read about it

    # The size that an output's values have, where one of an image may be near 0 with none beside it
    # to be measured by: rounding is small against this, and not against such a value.
    scales: ClassVar[dict[str, float]] = {}

    @abstractmethod
    def outputs(self, meta: dict[str, Any]) -> int:
        """Return the size of the head for this dataset (its meta.json)."""

    def mistake(self, network: layers.Network, recipe: Recipe) -> str | None:
        """Return why a network, or the recipe, cannot do the task, and what to do instead.

        None where they can. The network may lie on torch's meta device, without values.
        """
        if recipe.label_smoothing:
            return "label_smoothing spreads a class over the others, and here are none: drop it"
        return None

    def pose(self, images: Tensor, labels: Tensor, random: RandomNumbers) -> tuple[Tensor, Tensor]:
        """Return a training batch as a question: images and targets, N of each.

        What is random about it comes from `draws` alone.
        """
        return images, labels

    def examples(
        self, images: np.ndarray, labels: np.ndarray, split: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the questions of val or test: images and targets, the same at every call."""
        return images, labels

    def read(
        self, network: layers.Network, images: Tensor, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return raw and the features, N x F, from normalised float images, N x C x H x W."""
        features = network.features(images, lengths)
        return network.head(features), features

    @abstractmethod
    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return the named outputs, the task's main one first."""

    def write(self, graph: Graph, network: layers.Network, states: str, features: str) -> bool:
        """Write into a recurrent model's ONNX graph what `read` does behind the network, and
        `named`, and return True. False, as here: torch's exporter traces the model instead.

        `states` and `features` name values of the graph, T x N x F and N x F.
        """
        return False

    @abstractmethod
    def loss(
        self,
        raw: Tensor,
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Return the loss of a batch, a mean over its images, so that processes which share a batch
        can average theirs.
        """

    @abstractmethod
    def scores(
        self,
        outputs: dict[str, Tensor],
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return a number for each image, N, whose mean `figure` turns into the task's figure."""

    def figure(self, mean: float) -> float:
        """Return the task's figure (`Words.figure`) from the mean of all scores."""
        return mean
