"""Is one thing faster than another? The ratio of medians, and how sure it is."""

from dataclasses import dataclass

import numpy as np

from sightline.benchmark.scenarios import Timing

SEED = 0


@dataclass(frozen=True)
class Ratio:
    """The ratio of two medians and the interval that it lies in."""

    value: float
    low: float
    high: float


def ratio_of_medians(one: Timing, other: Timing, confidence: float, resamples: int) -> Ratio:
    """Return median(one) / median(other) with its bootstrap interval (percentiles).

    Whole rounds are resampled, with replacement, not single calls: neighbouring calls share what
    else the machine did just then, and calls taken one by one would make the interval far too
    narrow (block bootstrap, Künsch 1989). The seed is fixed.
    """
    rng = np.random.default_rng(SEED)
    tops, bottoms = (_medians(timing, resamples, rng) for timing in (one, other))
    low, high = np.quantile(tops / bottoms, [(1 - confidence) / 2, (1 + confidence) / 2])
    value = np.median(one.milliseconds) / np.median(other.milliseconds)
    return Ratio(float(value), float(low), float(high))


def _medians(timing: Timing, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the medians of samples that are taken round by round, with replacement."""
    blocks = np.split(timing.milliseconds, np.cumsum(timing.rounds)[:-1])
    choices = rng.integers(0, len(blocks), (resamples, len(blocks)))
    return np.array([np.median(np.concatenate([blocks[i] for i in choice])) for choice in choices])
