"""How exported models are measured: the section `benchmark:` of params.yaml. No heavy imports."""

from dataclasses import dataclass, field
from typing import Literal


def _above_zero(owner: object, *names: str) -> None:
    for name in names:
        if getattr(owner, name) <= 0:
            raise ValueError(f"{name} is {getattr(owner, name)}, it must be above 0")


@dataclass(frozen=True)
class Int8:
    """When an int8 variant is accepted. `max_drop`: of top-1 on val (0.003: 0.3 points).

    `calibration_images`: how many images of train show a static quantiser what values occur.
    """

    __pydantic_config__ = {"extra": "forbid"}
    calibration_images: int = 512
    max_drop: float = 0.003

    def __post_init__(self):
        _above_zero(self, "calibration_images")
        if self.max_drop < 0:
            raise ValueError(f"max_drop is {self.max_drop}, it cannot be negative")


@dataclass(frozen=True)
class Regression:
    """When a model counts as slower than before: the interval of the ratio of medians lies above
    1 + `threshold`. `confidence`: of that interval; `resamples`: of the bootstrap behind it.
    """

    __pydantic_config__ = {"extra": "forbid"}
    threshold: float = 0.1
    confidence: float = 0.99
    resamples: int = 1000

    def __post_init__(self):
        _above_zero(self, "threshold", "resamples")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}, it must be between 0 and 1")


@dataclass(frozen=True)
class Benchmark:
    """What is measured and for how long; seconds are of one contender in one measurement.

    `threads`: of one call, `all` is every core this process may use. `calls` and `stream_seconds`
    end single- and multi-stream, `samples` and `offline_seconds` a batch size of the offline sweep,
    whichever comes first. `rounds`: how often the contenders take turns in one measurement.
    `busy`: the share of the machine that others may use before a warning is due.
    """

    __pydantic_config__ = {"extra": "forbid"}
    provider: Literal["auto", "cpu", "cuda"] = "auto"
    threads: list[int | Literal["all"]] = field(default_factory=lambda: [1, "all"])
    warmup: int = 10
    rounds: int = 20
    calls: int = 2000
    stream_seconds: float = 1.0
    batches: list[int] = field(default_factory=lambda: [32, 64, 128, 256])
    samples: int = 24576
    offline_seconds: float = 1.0
    level_seconds: float = 0.3
    cold_starts: int = 3
    busy: float = 0.1
    int8: Int8 = field(default_factory=Int8)
    regression: Regression = field(default_factory=Regression)

    def __post_init__(self):
        _above_zero(
            self, "warmup", "rounds", "calls", "stream_seconds", "samples", "offline_seconds"
        )
        _above_zero(self, "level_seconds", "cold_starts", "busy")
        for name, numbers in (("threads", self.threads), ("batches", self.batches)):
            if not numbers or any(number != "all" and number < 1 for number in numbers):
                raise ValueError(f"{name} needs at least one number, and none below 1")
