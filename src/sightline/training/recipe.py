"""What a recipe and a model entry of params.yaml hold, as plain dataclasses.

The standard library alone, so that a bare GPU machine can read them; `sightline.params` validates
them with pydantic. A technique that is left out is off: no other default stands here.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

Task = Literal["classify", "next-row", "rotation"]


def _positive(owner: object, *names: str) -> None:
    for name in names:
        if getattr(owner, name) <= 0:
            raise ValueError(f"{name} is {getattr(owner, name)}, it must be above 0")


def _share(owner: object, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(owner, name) < 1:
            raise ValueError(f"{name} is {getattr(owner, name)}, it must be at least 0 and below 1")


@dataclass(frozen=True)
class Optimizer:
    """The step rule. `learning_rate` is the schedule's peak."""

    __pydantic_config__ = {"extra": "forbid"}
    name: Literal["sgd", "adam"]
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self):
        _positive(self, "learning_rate")
        _share(self, "momentum", "weight_decay")


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the run: linear up for `warmup` of all steps, then down to zero."""

    __pydantic_config__ = {"extra": "forbid"}
    name: Literal["constant", "linear", "one-cycle"] = "constant"
    warmup: float = 0.0

    def __post_init__(self):
        _share(self, "warmup")


@dataclass(frozen=True)
class Augment:
    """Random changes of training images. `translate`, `cutout`: pixels."""

    __pydantic_config__ = {"extra": "forbid"}
    translate: int = 0
    flip: Literal["none", "random", "alternating"] = "none"
    cutout: int = 0

    def __post_init__(self):
        if self.translate < 0 or self.cutout < 0:
            raise ValueError("translate and cutout are pixels and cannot be negative")


@dataclass(frozen=True)
class Recipe:
    """How to train. `network` holds the settings of the network, which its own file defines."""

    __pydantic_config__ = {"extra": "forbid"}
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    network: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        _positive(self, "epochs", "batch_size")
        _share(self, "label_smoothing", "ema")
        if self.clip_norm < 0:
            raise ValueError(f"clip_norm is {self.clip_norm}, it cannot be negative (0 is off)")


@dataclass(frozen=True)
class Model:
    """One network trained on one dataset for one task with one recipe."""

    __pydantic_config__ = {"extra": "forbid"}
    dataset: str
    network: str
    task: Task
    recipe: str
    seed: int = 0


@dataclass(frozen=True)
class Compute:
    """Where and how training computes. `threads` decides the bits of the result.

    `checkpoint_seconds`: the time between checkpoints, which decides nothing but what a kill costs.
    """

    __pydantic_config__ = {"extra": "forbid"}
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = 1
    checkpoint_seconds: float = 30.0

    def __post_init__(self):
        _positive(self, "threads")
        if self.checkpoint_seconds < 0:
            raise ValueError("checkpoint_seconds cannot be negative (0 is after every step)")
