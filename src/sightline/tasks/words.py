"""The form of what people read about a task: its figures, outputs and answers. No torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

# an exported model: uint8 images N x H x W x C in, every output by its name out
Ask = Callable[[np.ndarray], dict[str, np.ndarray]]


class Answer(NamedTuple):
    """What `predict` prints of one image, and a picture to keep under the name `suffix`, if any.

    `values`: the same for a program, which JSON can hold; what `serve` returns.
    """

    text: str
    picture: np.ndarray | None = None
    suffix: str = ""
    values: dict[str, Any] = {}  # noqa: RUF012 nobody changes it


@dataclass(frozen=True)
class Topic:
    """A section of a page: `stem` names the picture of each model; the heading and the text
    stand above them. `wide` pictures stand one below the other.
    """

    stem: str
    heading: str
    text: str
    wide: bool = False


WRONGEST = Topic(
    "wrongest",
    "The worst mistakes",
    "The test images about which the model is most wrong. Look at the label, too: would you "
    "have given it?",
)


@dataclass(frozen=True)
class Words:
    """What people read about a task.

    `figure`: the key in figures.json by which its models are compared; `figure_name`: how it is
    written in a text. `figures`, `outputs`: what each figure and each output of the exported file
    means, by name. `choice`: the output whose largest value is the answer, for a task that chooses
    among classes; its figure is then the share of right answers, 0 to 1. `options`: what it chooses
    among, where that is not the dataset's classes. `answer(ask, image,
    classes, top)` returns the answer about one image, uint8 H x W x C. `snippet`: Python for the
    model card, which follows the snippet that loads the file and may use its `session`, `images`
    and `answers`; {height}, {width}, {channels} and {half} stand for numbers. `limits`: a sentence
    for the card; {classes} stands for a number. `topics`: the pictures that the pages show, with a
    text for each; tasks whose pictures have the same name share the topic. `hub_task`: Hugging
    Face's name for the task, if it has one; `hub_metrics`: its name of a figure, for those that
    stand in the front-matter of a published card.
    """

    figure: str
    figure_name: str
    higher_is_better: bool
    figures: dict[str, str]
    outputs: dict[str, str]
    answer: Callable[[Ask, np.ndarray, list[str], int], Answer]
    topics: tuple[Topic, ...] = ()
    choice: str | None = None
    options: tuple[str, ...] = ()
    snippet: str = ""
    limits: str = ""
    hub_task: str | None = None
    hub_metrics: dict[str, str] = field(default_factory=dict)
