"""Whether an int8 variant is worth having: no less accurate on val, and faster on this machine."""

from sightline.benchmark.ratio import ratio_of_medians
from sightline.benchmark.scenarios import Timing
from sightline.settings.benchmark import Benchmark


def too_inaccurate(fp32: float | None, int8: float | None, max_drop: float) -> str | None:
    """Return why top-1 on val forbids the variant; None where it does not."""
    if fp32 is None or int8 is None:
        return "there is no val split to hold its accuracy to"
    if round(fp32 - int8, 9) > max_drop:
        return f"top-1 on val falls from {fp32:.4f} to {int8:.4f}, more than {max_drop:.4f} allows"
    return None


def not_faster(timings: dict[str, Timing], settings: Benchmark) -> str | None:
    """Return why its speed forbids the variant; None where it is faster.

    Faster is: surely (the whole interval of the ratio of medians) in at least one scenario and
    thread count, and surely slower in none.
    """
    rule = settings.regression
    ratios = {}
    for name, timing in timings.items():
        contender, _, where = name.partition("/")
        if contender == "int8":
            fp32 = timings[f"fp32/{where}"]
            ratios[where] = ratio_of_medians(timing, fp32, rule.confidence, rule.resamples)
    worst = max(ratios, key=lambda where: ratios[where].low)
    if ratios[worst].low > 1:
        return f"it takes {ratios[worst].value:.2f} times as long as fp32 in {worst} here"
    best = min(ratios, key=lambda where: ratios[where].high)
    if ratios[best].high >= 1:
        return f"it is surely faster nowhere: at best {ratios[best].value:.2f} of fp32, in {best}"
    return None
