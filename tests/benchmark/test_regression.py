"""Ratios of medians, the regression rule and the gate of int8, on timings made by hand."""

import numpy as np
import pytest

from sightline.benchmark import gate, regression
from sightline.benchmark.ratio import ratio_of_medians
from sightline.benchmark.scenarios import Timing
from sightline.settings.benchmark import Benchmark, Regression

RULE = Regression(threshold=0.1, confidence=0.99, resamples=200)


def timing(median: float, spread: float = 0.01, drift: float = 0.0, seed: int = 0) -> Timing:
    """20 rounds of 30 calls around a median; `drift`: how much whole rounds differ."""
    rng = np.random.default_rng(seed)
    rounds = median * (1 + drift * rng.standard_normal(20))
    calls = np.repeat(rounds, 30) * (1 + spread * rng.standard_normal(600))
    return Timing(calls.astype(np.float32), np.full(20, 30))


def test_the_interval_holds_the_true_ratio_and_repeats_itself():
    ratio = ratio_of_medians(timing(3.0), timing(2.0, seed=1), 0.99, 200)
    assert ratio.low < 1.5 < ratio.high and ratio.high - ratio.low < 0.02
    assert ratio.value == pytest.approx(1.5, rel=0.01)
    assert ratio == ratio_of_medians(timing(3.0), timing(2.0, seed=1), 0.99, 200)


def test_rounds_that_drift_widen_the_interval_as_single_calls_would_not():
    calm = ratio_of_medians(timing(1.0), timing(1.0, seed=1), 0.99, 200)
    drifting = ratio_of_medians(timing(1.0, drift=0.1), timing(1.0, drift=0.1, seed=1), 0.99, 200)
    assert drifting.low < 1 < drifting.high
    assert drifting.high - drifting.low > 5 * (calm.high - calm.low)


def record(*, torch: str = "2.14.1", busy: bool = False, sha256: str = "a") -> dict:
    return {
        "model": {"name": "cnn"},
        "path": "benchmarks/records/cnn/20260101T000000-machine.json",
        "key": {"sha256": sha256},
        "environment": {"busy": busy, "versions": {"torch": torch}},
    }


def timings(fp32: float, torch: float) -> dict[str, Timing]:
    where = "single-stream/batch 1/threads 1"
    return {f"fp32/{where}": timing(fp32), f"torch/{where}": timing(torch, seed=3)}


def verdict(fp32: float, torch: float, new: dict | None = None, old: dict | None = None) -> dict:
    return regression.compare(
        new or record(), timings(fp32, torch), old or record(), timings(1.0, 4.0), RULE
    )


def test_slower_than_before_is_a_regression_and_is_told_in_a_line():
    result = verdict(1.5, 4.0, new=record(sha256="b"))
    assert result["verdict"] == "slower" and not result["same_file"]
    line = regression.sentence(record() | {"regression": result})
    assert "cnn is slower than in 20260101T000000-machine (another file)" in line
    assert "1.50 times as long" in line


def test_what_slowed_torch_as_well_is_the_machine():
    assert verdict(1.5, 6.5)["verdict"] == "none"
    assert verdict(1.5, 6.5, new=record(torch="3.0"))["verdict"] == "slower", "another torch"


def test_an_earlier_record_without_torchs_raw_values_is_compared_without_them():
    earlier = {name: t for name, t in timings(1.0, 4.0).items() if name.startswith("fp32")}
    result = regression.compare(record(), timings(1.5, 6.5), record(), earlier, RULE)
    assert result["verdict"] == "slower" and result["ratios"][0]["torch"] is None


def test_a_little_slower_and_faster_are_no_regressions():
    assert verdict(1.05, 4.0)["verdict"] == "none"
    assert verdict(0.5, 4.0)["verdict"] == "none"
    assert regression.sentence(record() | {"regression": verdict(0.5, 4.0)}) is None


@pytest.mark.parametrize("which", ["new", "old"])
def test_a_busy_machine_makes_the_verdict_unsure(which):
    result = verdict(1.5, 4.0, **{which: record(busy=True)})
    assert result["verdict"] == "unsure"
    assert "the machine was busy" in regression.sentence(record() | {"regression": result})


def test_int8_may_lose_so_much_on_val_and_no_more():
    assert gate.too_inaccurate(0.990, 0.987, 0.003) is None
    assert gate.too_inaccurate(0.980, 0.990, 0.003) is None
    assert "falls from 0.9900 to 0.9869" in gate.too_inaccurate(0.990, 0.9869, 0.003)
    assert "no val split" in gate.too_inaccurate(None, None, 0.003)


def test_int8_must_be_surely_faster_somewhere_and_surely_slower_nowhere():
    one, many = "single-stream/batch 1/threads 1", "offline/batch 64/threads 1"

    def why_not(at_one: float, at_many: float) -> str | None:
        measured = {f"fp32/{one}": timing(1.0), f"fp32/{many}": timing(10.0)}
        measured |= {f"int8/{one}": timing(at_one, seed=1), f"int8/{many}": timing(at_many, seed=2)}
        return gate.not_faster(measured, Benchmark(regression=RULE))

    assert why_not(0.5, 5.0) is None
    assert why_not(0.5, 10.0) is None
    assert "2.00 times as long as fp32 in offline/batch 64" in why_not(0.5, 20.0)
    assert "surely faster nowhere" in why_not(1.0, 10.0)
