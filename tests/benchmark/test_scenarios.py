"""The clock: what it counts, how contenders take turns, when it stops."""

import time

import numpy as np
import pytest
from scipy.stats import binom

from sightline.benchmark import early_stopping
from sightline.benchmark.scenarios import LEAST_ROUNDS, Timing, interleave, overhead, timed


def spin(seconds: float):
    def call():
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            pass

    return call


def test_every_call_is_timed_and_both_limits_hold():
    taken = timed(spin(0.002), calls=5, seconds=60)
    assert len(taken) == 5 and min(taken) >= 2_000_000
    assert 1 <= len(timed(spin(0.02), calls=1000, seconds=0.05)) <= 3
    assert len(timed(spin(0.02), calls=1000, seconds=0)) == 1, "at least one call"


def test_contenders_take_turns_in_blocks_and_all_finish():
    order = []
    timings = interleave(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")},
        calls=40,
        seconds=60,
        rounds=4,
        warmup=3,
    )
    for timing in timings.values():
        assert timing.rounds.tolist() == [10, 10, 10, 10]
        assert len(timing.milliseconds) == 40
    turns = [name for name, before in zip(order, [None, *order], strict=False) if name != before]
    assert turns == ["a", "b"] * 5, "a warm-up, then four rounds"
    assert order.count("a") == 3 + 4 * (3 + 10), "each block begins with calls that do not count"


def test_time_ends_a_measurement_after_enough_rounds():
    timings = interleave(
        {"slow": spin(0.03), "quick": spin(0.001)}, calls=10_000, seconds=0.05, rounds=5, warmup=1
    )
    assert len(timings["slow"].rounds) == len(timings["quick"].rounds) == LEAST_ROUNDS
    assert len(timings["slow"].milliseconds) == LEAST_ROUNDS
    assert timings["slow"].milliseconds.min() >= 30


def test_no_p99_of_fewer_than_a_thousand_calls():
    few = Timing(np.arange(999, dtype=np.float32), np.array([999]))
    enough = Timing(np.arange(1000, dtype=np.float32), np.array([1000]))
    assert few.percentile(99) is None
    assert few.percentile(90) == pytest.approx(898.2)
    assert enough.percentile(99) == pytest.approx(989.01)
    assert enough.percentile(99.9) is None
    assert Timing(np.arange(10_000), np.array([10_000])).percentile(99.9) is not None


def test_early_stopping_is_mlperfs():
    """The least numbers of calls are those of the rules' table."""
    for share, least in ((90, 64), (95, 130), (99, 662)):
        calls = np.arange(least, dtype=np.float32)
        assert early_stopping.estimate(calls[:-1], share) is None
        assert early_stopping.estimate(calls, share) == least - 1, "the highest"
    thousand = np.arange(1000, dtype=np.float32)
    assert early_stopping.estimate(thousand, 99) == 998, "the second-highest"
    assert early_stopping.estimate(thousand, 90) > np.percentile(thousand, 90)
    for calls, above in ((1000, 0.01), (24576, 0.1)):
        spare = early_stopping.spare_calls(calls, above)
        assert binom.cdf(spare, calls, above) <= 0.01 < binom.cdf(spare + 1, calls, above)


def test_overhead_is_what_is_added_to_a_bare_loop():
    assert 100 < overhead(spin(0.0003), spin(0.0001), seconds=0.4) < 1000
    assert abs(overhead(spin(0.0001), spin(0.0001), seconds=0.4)) < 100
