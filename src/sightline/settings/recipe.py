"""A recipe: how to train. A technique that is left out is off: no other default stands here."""

from dataclasses import asdict, field
from typing import Annotated, Any, Literal

from pydantic import Field

from sightline.settings.section import Count, Natural, NonNegative, Positive, Share, Switch, section


@section
class Rates:
    """How a part of the network steps, by SGD, where it does not step like the rest."""

    learning_rate: Positive
    momentum: Share = 0.0
    weight_decay: Share = 0.0


@section
class PartRate:
    """How fast a part of the network steps, by the rule of the rest."""

    learning_rate: Positive


@section
class Optimizer:
    """The step rule. `learning_rate` is the schedule's peak.

    `nesterov`: SGD's momentum looks a step ahead. `biases`, `head`: rates of their own for all
    biases and norms, and for the last layer. `parts`: learning rates of parts of the network, by
    their names, for what is left of them.
    """

    name: Literal["sgd", "adam", "muon"]
    learning_rate: Positive
    momentum: Share = 0.0
    weight_decay: Share = 0.0
    biases: Rates | None = None
    head: Rates | None = None
    parts: dict[str, PartRate] = field(default_factory=dict)
    nesterov: Switch = True

    def __post_init__(self) -> None:
        if not self.nesterov and self.name != "sgd":
            raise ValueError(
                f"nesterov is a choice of sgd alone: {self.name} has a rule of its own"
            )
        if self.name == "adam" and self.momentum:
            raise ValueError("adam has averages of its own: momentum has no meaning")
        if self.name == "muon" and not (self.biases and self.head):
            raise ValueError("muon steps filters alone: give biases and head rates of their own")
        if self.name == "muon" and self.weight_decay:
            raise ValueError("muon fixes the norm of the filters: weight_decay has no meaning")


@section
class Schedule:
    """The learning rate over the run: up for `warmup` of all steps, then what `name` says.

    `milestones`, `gamma`: of multi-step, the shares of all steps after which the rate is multiplied
    by `gamma` (the words of torch's MultiStepLR).
    """

    name: Literal["constant", "linear", "one-cycle", "multi-step"] = "constant"
    warmup: Share = 0.0
    milestones: list[Share] = field(default_factory=list)
    gamma: Annotated[Positive, Field(lt=1)] | None = None

    def __post_init__(self) -> None:
        stepped = self.name == "multi-step"
        if stepped and not (self.milestones and self.gamma):
            raise ValueError(
                "multi-step needs milestones, like [0.333, 0.667], and gamma, like 0.1"
            )
        if not stepped and (self.milestones or self.gamma):
            raise ValueError(f"{self.name} has no milestones and no gamma: multi-step has them")
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones is {self.milestones}: each must be later than the last")
        if stepped and self.milestones[0] <= self.warmup:
            raise ValueError(
                f"the first milestone is {self.milestones[0]}: it must be behind the warmup, "
                f"{self.warmup}"
            )


@section
class Lookahead:
    """Slow weights: see `sightline.training.average.Lookahead`."""

    every: Count
    decay: Share
    power: NonNegative = 0.0


@section
class Box:
    """A random part of an image: least and most of its share of the area (0 to 1), and of the ratio
    of its width to its height.
    """

    area: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    ratio: Annotated[list[Positive], Field(min_length=2, max_length=2)]

    def __post_init__(self) -> None:
        for name, (least, most) in (("area", self.area), ("ratio", self.ratio)):
            if least > most:
                raise ValueError(f"{name} is [{least}, {most}]: the smaller number comes first")
        if self.area[1] > 1:
            raise ValueError(f"area goes up to {self.area[1]}: no part is larger than the image, 1")


@section
class Erase(Box):
    """A random part of an image that is covered, with this chance."""

    chance: Annotated[Positive, Field(le=1)]


@section
class Colour:
    """Up to which share brightness, contrast and saturation change, either way."""

    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0


@section
class TrainSize:
    """The side of training images, in pixels, until this share of the epochs is over."""

    pixels: Count
    until: Annotated[Positive, Field(le=1)] = 1.0


@section
class Augment:
    """Random changes of training images, up to this much.

    `crop`: the part of the image that is shown; `rotate`: degrees, `scale`: a share of the size,
    `translate`, `cutout`: pixels; `trivial`: TrivialAugment, one operation for each image; `erase`:
    a part that is covered; `mixup`, `cutmix`: alpha of the beta distribution from which the shares
    of two images are drawn.
    """

    crop: Box | None = None
    rotate: Annotated[NonNegative, Field(le=180)] = 0.0
    scale: Share = 0.0
    translate: Natural = 0
    flip: Literal["none", "random", "alternating"] = "none"
    trivial: Switch = False
    colour: Colour | None = None
    cutout: Natural = 0
    erase: Erase | None = None
    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others."""
        return self.mixup > 0 or self.cutmix > 0


@section
class Stop:
    """When to end before the last epoch: after `patience` epochs without a better figure on val."""

    patience: Count


@section
class Recipe:
    """How to train. `network` holds the settings of the network, which its own file defines.

    `train_size`: sides of the images, one after the other; none: as they are stored.
    `frozen_after`: the epochs after which a part of the network, by its name, is trained no more.
    `frozen_norms`: batch norms use the running statistics that the start brought, and keep them.
    `keep`: the weights of the last epoch, or of the one with the best figure on val.
    `accumulate`: the parts that a batch is computed in, one after the other, before the step.
    For sequences: `min_rows`: training shows each image's upper rows, a random number of at least
    so many (0: always all); `bptt_steps`: how far back in time a gradient goes (0: to the start).
    """

    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    train_size: list[TrainSize] = field(default_factory=list)
    label_smoothing: Share = 0.0
    clip_norm: NonNegative = 0.0
    ema: Share = 0.0
    lookahead: Lookahead | None = None
    frozen_after: dict[str, Natural] = field(default_factory=dict)
    frozen_norms: Switch = False
    keep: Literal["last", "best"] = "last"
    stop: Stop | None = None
    accumulate: Count = 1
    min_rows: Natural = 0
    bptt_steps: Natural = 0
    network: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ema and self.lookahead:
            raise ValueError("ema and lookahead both decide which weights are kept: set one")
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"accumulate is {self.accumulate} and batch_size {self.batch_size}: a part of a "
                "batch needs an image"
            )
        ends = [size.until for size in self.train_size]
        if ends and (sorted(set(ends)) != ends or ends[-1] != 1):
            raise ValueError("train_size: each `until` is later than the one before, the last is 1")

    def size_in(self, epoch: int, stored: int) -> int:
        """Return the side of training images, in pixels, in an epoch, counted from 0.

        `stored`: the side of the squares that are stored.
        """
        for size in self.train_size:
            if epoch < size.until * self.epochs - 1e-9:
                return size.pixels
        return stored


def as_written(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe's settings by name, those that came later only where they are set.

    So a model that was trained before they came keeps its description, and its exported bytes.
    """
    settings = asdict(recipe)
    augment, optimizer = settings["augment"], settings["optimizer"]
    for name in ("crop", "trivial", "colour", "erase", "mixup", "cutmix"):
        if not augment[name]:
            del augment[name]
    if not settings["train_size"]:
        del settings["train_size"]
    if not settings["frozen_norms"]:
        del settings["frozen_norms"]
    if settings["keep"] == "last":
        del settings["keep"]
    if not settings["stop"]:
        del settings["stop"]
    if settings["accumulate"] == 1:
        del settings["accumulate"]
    if optimizer["nesterov"]:
        del optimizer["nesterov"]
    return settings
