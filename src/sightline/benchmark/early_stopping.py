"""MLPerf's estimate of a percentile: a latency that it surely does not exceed.

After the appendix "Early Stopping Criterion" of MLPerf Inference's rules
(https://github.com/mlcommons/inference_policies, inference_rules.adoc), with tolerance 0, as
LoadGen computes it.
"""

import math

import numpy as np

CONFIDENCE = 0.99


def estimate(milliseconds: np.ndarray, share: float) -> float | None:
    """Return the estimate of a percentile (`share`: 90, 99) in ms; None for too few calls.

    It is the t-th highest latency. t is the largest number for which t or fewer calls above the
    true percentile are less likely than 1 - CONFIDENCE: so p90 needs 64 calls, p99 662.
    """
    spare = spare_calls(len(milliseconds), 1 - share / 100)
    if spare < 1:
        return None
    return float(np.sort(milliseconds)[-spare])


def spare_calls(calls: int, above: float) -> int:
    """Return the largest t with P(X <= t) <= 1 - CONFIDENCE, X binomial of `calls` and `above`;
    -1 where there is none.
    """
    spare, total = -1, 0.0
    for count in range(calls):
        total += math.exp(_log_probability(calls, count, above))
        if total > 1 - CONFIDENCE:
            break
        spare = count
    return spare


def _log_probability(calls: int, count: int, above: float) -> float:
    ways = math.lgamma(calls + 1) - math.lgamma(count + 1) - math.lgamma(calls - count + 1)
    return ways + count * math.log(above) + (calls - count) * math.log1p(-above)
