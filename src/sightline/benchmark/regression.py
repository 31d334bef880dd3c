"""Whether a model is slower than when it was last measured on this machine."""

from pathlib import Path

from sightline.benchmark.ratio import Ratio, ratio_of_medians
from sightline.benchmark.scenarios import Timing
from sightline.settings.benchmark import Regression

SLOWER, UNSURE, NONE = "slower", "unsure", "none"  # the verdicts


def compare(
    new: dict, timings: dict[str, Timing], old: dict, before: dict[str, Timing], rule: Regression
) -> dict:
    """Return the verdict on a new record against an older one, and every ratio that it rests on.

    Something is slower where the whole interval of new over old lies above 1 + threshold, and above
    that of torch eager, measured in turns with it, if torch is the same in both: what slowed both
    is the machine. The verdict is `unsure` where others kept the machine busy in either record.
    """
    same_torch = _torch(new) == _torch(old)
    rows = []
    for name in timings:
        contender, _, where = name.partition("/")
        if contender == "torch" or name not in before:
            continue
        ratio = _ratio(name, timings, before, rule)
        control = _ratio(f"torch/{where}", timings, before, rule) if same_torch else None
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
    busy = new["environment"]["busy"] or old["environment"]["busy"]
    found = any(row["slower"] for row in rows)
    return {
        "against": Path(old["path"]).stem,
        "same_file": new["key"]["sha256"] == old["key"]["sha256"],
        "verdict": NONE if not found else UNSURE if busy else SLOWER,
        "ratios": rows,
    }


def sentence(record: dict) -> str | None:
    """Return the line that a person reads about a record that is slower; None if it is not."""
    found = record["regression"]
    if found is None or found["verdict"] == NONE:
        return None
    worst = max((row for row in found["ratios"] if row["slower"]), key=lambda row: row["ratio"])
    low, high = worst["interval"]
    why = "the same file" if found["same_file"] else "another file"
    doubt = " (unsure: the machine was busy with others)" if found["verdict"] == UNSURE else ""
    return (
        f"{record['model']['name']} is slower than in {found['against']} ({why}): {worst['what']} "
        f"takes {worst['ratio']:.2f} times as long, {low:.2f} to {high:.2f}{doubt}"
    )


def _ratio(name: str, new: dict[str, Timing], old: dict[str, Timing], rule: Regression) -> Ratio:
    return ratio_of_medians(new[name], old[name], rule.confidence, rule.resamples)


def _torch(record: dict) -> str:
    return record["environment"]["versions"]["torch"]
