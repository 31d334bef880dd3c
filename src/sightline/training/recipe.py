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
class Rates:
    """How a part of the network steps, by SGD, where it does not step like the rest."""

    __pydantic_config__ = {"extra": "forbid"}
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self):
        _positive(self, "learning_rate")
        _share(self, "momentum", "weight_decay")


@dataclass(frozen=True)
class Optimizer:
    """The step rule. `learning_rate` is the schedule's peak.

    `biases`, `head`: rates of their own for all biases and norms, and for the last layer.
    """

    __pydantic_config__ = {"extra": "forbid"}
    name: Literal["sgd", "adam", "muon"]
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    biases: Rates | None = None
    head: Rates | None = None

    def __post_init__(self):
        _positive(self, "learning_rate")
        _share(self, "momentum", "weight_decay")
        if self.name == "adam" and self.momentum:
            raise ValueError("adam has averages of its own: momentum has no meaning")
        if self.name == "muon" and not (self.biases and self.head):
            raise ValueError("muon steps filters alone: give biases and head rates of their own")
        if self.name == "muon" and self.weight_decay:
            raise ValueError("muon fixes the norm of the filters: weight_decay has no meaning")


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the run: linear up for `warmup` of all steps, then down to zero."""

    __pydantic_config__ = {"extra": "forbid"}
    name: Literal["constant", "linear", "one-cycle"] = "constant"
    warmup: float = 0.0

    def __post_init__(self):
        _share(self, "warmup")


@dataclass(frozen=True)
class Lookahead:
    """Slow weights: see `sightline.training.average.Lookahead`."""

    __pydantic_config__ = {"extra": "forbid"}
    every: int
    decay: float
    power: float = 0.0

    def __post_init__(self):
        _positive(self, "every")
        _share(self, "decay")
        if self.power < 0:
            raise ValueError(f"power is {self.power}, it cannot be negative")


@dataclass(frozen=True)
class Augment:
    """Random changes of training images, up to this much.

    `rotate`: degrees, `scale`: a share of the size, `translate`, `cutout`: pixels.
    """

    __pydantic_config__ = {"extra": "forbid"}
    rotate: float = 0.0
    scale: float = 0.0
    translate: int = 0
    flip: Literal["none", "random", "alternating"] = "none"
    cutout: int = 0

    def __post_init__(self):
        if self.translate < 0 or self.cutout < 0:
            raise ValueError("translate and cutout are pixels and cannot be negative")
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate is {self.rotate}, it must be from 0 to 180 degrees")
        _share(self, "scale")


@dataclass(frozen=True)
class Recipe:
    """How to train. `network` holds the settings of the network, which its own file defines.

    `frozen_after`: the epochs after which a part of the network, by its name, is trained no more.
    For sequences: `min_rows`: training shows each image's upper rows, a random number of at least
    so many (0: always all); `bptt_steps`: how far back in time a gradient goes (0: to the start).
    """

    __pydantic_config__ = {"extra": "forbid"}
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    label_smoothing: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    lookahead: Lookahead | None = None
    frozen_after: dict[str, int] = field(default_factory=dict)
    min_rows: int = 0
    bptt_steps: int = 0
    network: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        _positive(self, "epochs", "batch_size")
        _share(self, "label_smoothing", "ema")
        if self.clip_norm < 0:
            raise ValueError(f"clip_norm is {self.clip_norm}, it cannot be negative (0 is off)")
        if self.ema and self.lookahead:
            raise ValueError("ema and lookahead both decide which weights are kept: set one")
        if min(self.frozen_after.values(), default=0) < 0:
            raise ValueError("frozen_after is in epochs and cannot be negative")
        if self.min_rows < 0 or self.bptt_steps < 0:
            raise ValueError("min_rows and bptt_steps cannot be negative (0 is off)")


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
    """Where and how training computes. `threads`, of each process, decides the bits of the result.

    `processes`: those that share every batch (`sightline.training.ranks`).
    `compile`: torch.compile makes one program of the network, with its own last bits.
    `checkpoint_seconds`: the time between checkpoints, which decides nothing but what a kill costs.
    """

    __pydantic_config__ = {"extra": "forbid"}
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int = 1
    processes: int = 1
    compile: bool = False
    checkpoint_seconds: float = 30.0

    def __post_init__(self):
        _positive(self, "threads", "processes")
        if self.checkpoint_seconds < 0:
            raise ValueError("checkpoint_seconds cannot be negative (0 is after every step)")
