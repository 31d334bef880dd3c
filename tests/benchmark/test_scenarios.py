"""The clock: what it counts, how contenders take turns, when it stops."""

import time

import numpy as np
import pytest

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


def test_overhead_is_what_is_added_to_a_bare_loop():
    assert 100 < overhead(spin(0.0003), spin(0.0001), seconds=0.4) < 1000
    assert abs(overhead(spin(0.0001), spin(0.0001), seconds=0.4)) < 100
