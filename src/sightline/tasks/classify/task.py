"""classify: which class an image shows. The figure is top-1, the share that it gets right."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from sightline.networks import layers
from sightline.settings.recipe import Recipe
from sightline.tasks.base import Graph, Task, write_linear
from sightline.tasks.classify.words import WORDS


class Classify(Task):
    """Raw are the logits, N x classes; targets the labels, int64 N, or each class's share of the
    image, float N x classes, where training mixes images.
    """

    words = WORDS

    def outputs(self, meta: dict[str, Any]) -> int:
        """Return the number of classes."""
        return len(meta["classes"])

    def mistake(self, network: layers.Network, recipe: Recipe) -> str | None:
        """Return None: every network classifies."""
        return None

    def named(self, raw: Tensor) -> dict[str, Tensor]:
        """Return logits and probabilities, N x classes."""
        return {"logits": raw, "probabilities": raw.softmax(dim=1)}

    def write(self, graph: Graph, network: layers.Network, states: str, features: str) -> bool:
        """Write logits and probabilities."""
        write_linear(graph, network.head, features, "logits")
        graph.add("Softmax", ["logits"], "probabilities", axis=1)
        return True

    def loss(
        self,
        raw: Tensor,
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Return the mean cross entropy, in nats."""
        return functional.cross_entropy(raw, targets, label_smoothing=smoothing)

    def scores(
        self,
        outputs: dict[str, Tensor],
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return 1 for each right answer, 0 for each wrong one; of a mixture the larger share."""
        if targets.ndim == 2:
            targets = targets.argmax(1)
        return (outputs["logits"].argmax(1) == targets).float()


TASK = Classify()
