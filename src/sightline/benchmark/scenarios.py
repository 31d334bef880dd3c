"""The measuring itself: contenders take turns, every call is timed, nothing is thrown away.

Scenarios after MLPerf Inference (Reddi et al. 2019, arXiv:1911.02549): single-stream is one image
at a time, multi-stream eight, offline as many images a second as there can be.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FP32, INT8, EAGER = "fp32", "int8", "torch"  # the contenders' names
OPENVINO, COMPILED = "openvino", "torch-compile"  # those that a person asks for
SINGLE, MULTI, OFFLINE = "single-stream", "multi-stream", "offline"
STREAM_BATCH = {SINGLE: 1, MULTI: 8}
ENOUGH_ABOVE = 10  # calls above p99 or a higher percentile; fewer would not settle the figure
LEAST_ROUNDS = 5  # even where a call takes longer than its share of the time: fewer show no spread
SETTLE = 0.005  # seconds: as long as idle threads of the contender before may still spin

Call = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """The milliseconds of every call, in order, and how many of them each round holds."""

    milliseconds: np.ndarray  # float32
    rounds: np.ndarray  # int32

    @property
    def median(self) -> float:
        """The median in ms."""
        return float(np.percentile(self.milliseconds, 50))

    def percentile(self, share: float) -> float | None:
        """Return a percentile in ms; None for p99 and above of too few calls: p99 needs 1,000,
        p99.9 10,000.
        """
        if share >= 99 and len(self.milliseconds) * round(100 - share, 6) < 100 * ENOUGH_ABOVE:
            return None
        return float(np.percentile(self.milliseconds, share))


def timed(call: Call, calls: int, seconds: float) -> list[int]:
    """Return the nanoseconds of each call: at least one, then as many as the limits allow."""
    clock = time.perf_counter_ns
    taken = []
    before = clock()
    end = before + seconds * 1e9
    while True:
        call()
        now = clock()
        taken.append(now - before)
        if now >= end or len(taken) >= calls:
            return taken
        before = clock()


def interleave(
    contenders: dict[str, Call], calls: int, seconds: float, rounds: int, warmup: int
) -> dict[str, Timing]:
    """Return each contender's Timing; in every round each has its turn, a block of calls.

    Blocks, not single calls: threads of the contender before spin on for a while after its last
    call, and its data fills the caches. So a block begins with calls that are not counted. It ends
    when every contender has `calls` of them, or when `seconds` each, on average, are spent.
    """
    taken: dict[str, list[int]] = {name: [] for name in contenders}
    blocks: dict[str, list[int]] = {name: [] for name in contenders}
    for call in contenders.values():
        timed(call, warmup, seconds)
    spent, rounds_done = 0.0, 0
    while rounds_done < LEAST_ROUNDS or spent < seconds * len(contenders):
        due = {name: call for name, call in contenders.items() if len(taken[name]) < calls}
        if not due:
            break
        for name, call in due.items():
            if not taken[name] or taken[name][-1] < SETTLE * 1e9:
                timed(call, warmup, SETTLE)
            share = min(-(-calls // rounds), calls - len(taken[name]))
            block = timed(call, share, seconds / rounds)
            taken[name] += block
            blocks[name].append(len(block))
            spent += sum(block) / 1e9
        rounds_done += 1
    return {
        name: Timing(
            np.array(taken[name], np.float64).astype(np.float32) / np.float32(1e6),
            np.array(blocks[name], np.int32),
        )
        for name in contenders
    }


def overhead(call: Call, bare: Call, rounds: int = 200, seconds: float = 1.0) -> float:
    """Return the microseconds that measuring adds to a call: `call` timed against a bare loop.

    The two loops take turns, for `seconds` together, a few calls at a time; compared is what their
    undisturbed turns took (the lower decile): the addition is a hundredth of what a disturbed turn
    varies by.
    """
    clock = time.perf_counter_ns
    each = float(np.median(timed(bare, calls=20, seconds=seconds / 10))) / 1e9
    calls = max(1, int(seconds / rounds / 2 / each))
    turns = []
    for _ in range(rounds):
        start = clock()
        for _ in range(calls):
            bare()
        between = clock()
        timed(call, calls, seconds)
        turns.append((between - start, clock() - between))
    bare_turn, timed_turn = np.quantile(turns, 0.1, axis=0)
    return float(timed_turn - bare_turn) / calls / 1000
