"""Whether a model is slower than when it was last measured on this machine."""

from pathlib import Path
from typing import Any

from sightline.benchmark.ratio import Ratio, ratio_of_medians
from sightline.benchmark.records import Record
from sightline.benchmark.scenarios import EAGER, Timing
from sightline.settings.benchmark import Regression

SLOWER, UNSURE, NONE = "slower", "unsure", "none"  # the verdicts


def compare(
    record: Record,
    timings: dict[str, Timing],
    earlier: Record,
    earlier_timings: dict[str, Timing],
    rule: Regression,
) -> dict[str, Any]:
    """Return the verdict on a record against an earlier one, and every ratio that it rests on.

    Something is slower where the whole interval of new over old lies above 1 + threshold, and above
    that of torch eager, measured in turns with it, if torch is the same in both: what slowed both
    is the machine. The verdict is `unsure` where others kept the machine busy in either record.
    """

    def ratio_of(name: str) -> Ratio:
        return ratio_of_medians(
            timings[name], earlier_timings[name], rule.confidence, rule.resamples
        )

    same_torch = _torch_version(record) == _torch_version(earlier)
    rows = []
    for name in timings:
        contender, _, where = name.partition("/")
        if contender == EAGER or name not in earlier_timings:
            continue
        ratio = ratio_of(name)
        torch = f"{EAGER}/{where}"
        comparable = same_torch and torch in timings and torch in earlier_timings
        control = ratio_of(torch) if comparable else None
        slower = ratio.low > 1 + rule.threshold and (control is None or ratio.low > control.high)
        rows.append(
            {
                "what": name,
                "ratio": round(ratio.value, 3),
                "interval": [round(ratio.low, 3), round(ratio.high, 3)],
                "torch": control and round(control.value, 3),
                "slower": slower,
            }
        )
    busy = record["environment"]["busy"] or earlier["environment"]["busy"]
    slower = any(row["slower"] for row in rows)
    return {
        "against": Path(earlier["path"]).stem,
        "same_file": record["key"]["sha256"] == earlier["key"]["sha256"],
        "verdict": NONE if not slower else UNSURE if busy else SLOWER,
        "ratios": rows,
    }


def sentence(record: Record) -> str | None:
    """Return the line that a person reads about a record that is slower; None if it is not."""
    result = record["regression"]
    if result is None or result["verdict"] == NONE:
        return None
    worst = max((row for row in result["ratios"] if row["slower"]), key=lambda row: row["ratio"])
    low, high = worst["interval"]
    why = "the same file" if result["same_file"] else "another file"
    doubt = " (unsure: the machine was busy with others)" if result["verdict"] == UNSURE else ""
    return (
        f"{record['model']['name']} is slower than in {result['against']} ({why}): {worst['what']} "
        f"takes {worst['ratio']:.2f} times as long, {low:.2f} to {high:.2f}{doubt}"
    )


def _torch_version(record: Record) -> str:
    return record["environment"]["versions"]["torch"]
