"""What a runtime answered beside what is right."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sightline.publishing.vectors import SMALL, TOLERANCE


@dataclass
class Verdict:
    """The cases of one file in one runtime."""

    share: float = 0.0  # the largest difference, of the largest value of the output
    images: int = 0  # images whose top-1 answers were compared
    same: int = 0
    right: list[str] = field(default_factory=list)  # names of cases
    wrong: dict[str, str] = field(default_factory=dict)  # what is wrong, by the name of the case
    refused: dict[str, str] = field(default_factory=dict)  # with what words
    reshaped: dict[str, str] = field(default_factory=dict)  # right, but with other axes

    @property
    def cases(self) -> int:
        """How many were answered or refused."""
        return len(self.right) + len(self.wrong) + len(self.refused)


def read_answers(path: Path) -> tuple[dict, dict[str, dict]]:
    """Return what a runtime says of itself, and its answers by case; a line cut off is none."""
    head, answers = {}, {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            content = json.loads(line)
        except ValueError:
            continue
        if "case" in content:
            answers[content["case"]] = content
        else:
            head |= content
    return head, answers


def compare(cases: Path, answers: dict[str, dict], ended: str | None) -> dict[str, Verdict]:
    """Return a verdict for each file of a model. `ended`: how the runtime ended before its time."""
    expected = np.load(cases / "expected.npz")
    verdicts: dict[str, Verdict] = {}
    for case in json.loads((cases / "cases.json").read_text()):
        verdict = verdicts.setdefault(case["file"], Verdict())
        name, answer = case["name"], answers.get(case["name"])
        if answer is None:
            if ended:
                verdict.refused[name] = ended
        elif "refuses" in answer:
            verdict.refused[name] = answer["refuses"]
        else:
            wanted = {output: expected[f"{name}/{output}"] for output in case["outputs"]}
            _judge(verdict, name, wanted, answer["outputs"])
    return verdicts


def _judge(verdict: Verdict, case: str, expected: dict, outputs: dict) -> None:
    faults = []
    for name, wanted in expected.items():
        shape = list(outputs[name]["shape"])
        if [size for size in shape if size != 1] != [size for size in wanted.shape if size != 1]:
            faults.append(f"{name} is {shape} and not {list(wanted.shape)}")
            continue
        if len(shape) != wanted.ndim:
            verdict.reshaped[case] = f"{name} has {len(shape)} axes and not {wanted.ndim}"
        values = np.array(outputs[name]["data"], np.float64).reshape(wanted.shape)
        scale = max(float(np.abs(wanted).max(initial=0)), SMALL)
        share = float(np.abs(values - wanted).max(initial=0)) / scale
        verdict.share = max(verdict.share, share) if share == share else float("nan")
        if not share <= TOLERANCE:  # so that NaN is wrong too
            faults.append(f"{name} is off by {share:.1e}")
        if name == "logits":
            verdict.images += len(wanted)
            verdict.same += int((values.argmax(1) == wanted.argmax(1)).sum())
    if faults:
        verdict.wrong[case] = ", ".join(faults)
    else:
        verdict.right.append(case)
