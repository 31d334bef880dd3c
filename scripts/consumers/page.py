"""docs/consumers.md: the tables of what each runtime made of each model."""

import json
import os
import platform
import re
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from compare import Verdict

from sightline.publishing.vectors import TOLERANCE

WORDS = 240  # characters of a refusal that are kept
TEXT = Path(__file__).with_suffix(".md")


@dataclass
class Row:
    """One runtime: what it answered for each model, or why it is missing."""

    title: str
    version: str = ""
    missing: str | None = None
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)

    def answered(self, file: str) -> bool:
        """Whether this runtime was asked for any model's file of this name."""
        return any(files[file].cases for files in self.verdicts.values() if file in files)


def page(models: list[str], rows: dict[str, Row], cases: Path) -> str:
    """Return the page, for these models in this order."""
    asked = [row for row in rows.values() if row.verdicts and not row.missing]
    tables = []
    for file in sorted({file for model in models for file in _files(cases / model)}, reverse=True):
        of_models = [model for model in models if file in _files(cases / model)]
        if columns := [row for row in asked if row.answered(file)]:
            tables.append(f"## {file}\n\n{_table(file, of_models, columns)}")
    return TEXT.read_text(encoding="utf-8").format(
        ours=version("onnxruntime"),
        tolerance=TOLERANCE,
        machine=f"{os.cpu_count()} processors, {platform.machine()}, {platform.system()}",
        python=platform.python_version(),
        summary=_summary(list(rows.values())),
        tables="\n".join(tables),
        wrong=_list(asked, "wrong"),
        reshaped=_list(asked, "reshaped"),
        refused=_list(asked, "refused"),
    )


def _files(cases: Path) -> set[str]:
    return {case["file"] for case in json.loads((cases / "cases.json").read_text())}


def _summary(rows: list[Row]) -> str:
    lines = [
        "| runtime | version | cases right | wrong | refused | largest where right | same top-1 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if row.missing:
            lines.append(
                f"| {row.title} | {row.version} | not tried: {_plain(row.missing)} | | | | |"
            )
            continue
        verdicts = [one for files in row.verdicts.values() for one in files.values()]
        right, wrong, refused = (
            sum(len(getattr(one, kind)) for one in verdicts)
            for kind in ("right", "wrong", "refused")
        )
        largest = max((one.share for one in verdicts if not one.wrong and one.right), default=0)
        same, images = sum(one.same for one in verdicts), sum(one.images for one in verdicts)
        lines.append(
            f"| {row.title} | {row.version} | {right} | {wrong or ''} | {refused or ''} | "
            f"{f'{largest:.1e}' if largest else 0} | {same:,} of {images:,} |"
        )
    return "\n".join(lines) + "\n"


def _table(file: str, models: list[str], rows: list[Row]) -> str:
    lines = [
        f"| model | {' | '.join(row.title for row in rows)} |",
        f"| --- |{' --- |' * len(rows)}",
    ]
    for model in models:
        cells = [_cell(row.verdicts.get(model, {}).get(file)) for row in rows]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(verdict: Verdict | None) -> str:
    if verdict is None or not verdict.cases:
        return ""
    total = verdict.cases
    if len(verdict.refused) == total:
        return "refuses"
    parts = [f"{verdict.share:.0e}" if verdict.share else "0"]
    if verdict.wrong:
        parts = [f"**{verdict.share:.1e}**, {len(verdict.wrong)} of {total} wrong"]
    if verdict.same < verdict.images:
        parts.append(f"{100 * verdict.same / verdict.images:.0f} % same top-1")
    if verdict.refused:
        parts.append(f"{len(verdict.refused)} of {total} refused")
    return ", ".join(parts)


def _list(rows: list[Row], kind: str) -> str:
    """Return a line for each kind of fault of each runtime, with the models that it meets."""
    lines = []
    for row in rows:
        met: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for model, files in row.verdicts.items():
            for file, one in files.items():
                for words, cases in _by_words(getattr(one, kind)).items():
                    partly = f" ({'; '.join(cases)})" if len(cases) < one.cases else ""
                    met[words][file].append(model + partly)
        for words, files in met.items():
            where = "; ".join(f"{file} of {', '.join(models)}" for file, models in files.items())
            lines.append(f"- **{row.title}** {row.version}, {where}:\n  {words}")
    return "\n".join(lines or ["Nothing."]) + "\n"


def _by_words(faults: dict[str, str]) -> dict[str, list[str]]:
    cases: dict[str, list[str]] = defaultdict(list)
    for case, words in faults.items():
        cases[_plain(words)].append(case)
    return cases


def _plain(words: str) -> str:
    """Return a message as one line, without folders of this machine, backtraces, lines of code."""
    words = words.partition("Stack backtrace")[0]
    words = re.sub(r"OpenCV\([\d.]+\) \S+: error: |(?<=node )#\d+ ", "", words)
    words = " ".join(re.sub(r"(?:/[\w.+-]+){2,}/", "", words).split()).replace("`", "'")
    return f"`{words if len(words) <= WORDS else words[:WORDS] + ' ...'}`"
