"""How exported models are measured: the section `benchmark:` of params.yaml."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from sightline.settings.section import Count, NonNegative, Positive, section


@section
class Int8:
    """When an int8 variant is accepted. `max_drop`: of the accuracy on val (0.003: 0.3 points).

    `calibration_images`: how many images of train show a static quantiser what values occur.
    """

    calibration_images: Count = 512
    max_drop: NonNegative = 0.003


@section
class Regression:
    """When a model counts as slower than before: the interval of the ratio of medians lies above
    1 + `threshold`. `confidence`: of that interval; `resamples`: of the bootstrap behind it.
    """

    threshold: Positive = 0.1
    confidence: Annotated[Positive, Field(lt=1)] = 0.99
    resamples: Count = 1000


@section
class Benchmark:
    """What is measured and for how long; seconds are of one contender in one measurement.

    `threads`: of one call, `all` is every core this process may use. `calls` and `stream_seconds`
    end single- and multi-stream, `samples` and `offline_seconds` a batch size of the offline sweep,
    whichever comes first. `rounds`: how often the contenders take turns in one measurement.
    `busy`: the share of the machine that others may use before a warning is due. `beside`: what is
    measured besides: openvino (the fp32 file on the CPU), torch-compile (the weights, compiled).
    """

    provider: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[list[Count | Literal["all"]], Field(min_length=1)] = field(
        default_factory=lambda: [1, "all"]
    )
    warmup: Count = 10
    rounds: Count = 20
    calls: Count = 2000
    stream_seconds: Positive = 1.0
    batches: Annotated[list[Count], Field(min_length=1)] = field(
        default_factory=lambda: [32, 64, 128, 256]
    )
    samples: Count = 24576
    offline_seconds: Positive = 1.0
    level_seconds: Positive = 0.3
    cold_starts: Count = 3
    busy: Positive = 0.1
    beside: list[Literal["openvino", "torch-compile"]] = field(default_factory=list)
    int8: Int8 = field(default_factory=Int8)
    regression: Regression = field(default_factory=Regression)
