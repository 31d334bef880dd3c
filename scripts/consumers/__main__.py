"""Exported models in runtimes that know nothing of Sightline: writes docs/consumers.md.

    python scripts/consumers [MODEL...] [--runtimes NAME...] [--folder FOLDER]

`make consumers` runs it for all models that are exported here and writes docs/consumers.md. Each
runtime gets an environment of its own in the folder, from the package registries. One that this
machine cannot have gets a line that says why, and nothing fails.
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import page
from cases import exported_models, write_cases
from compare import Verdict, compare, read_answers
from process import Ended, Missing
from runtimes import RUNTIMES

from sightline.errors import SightlineError
from sightline.layout import Layout


def main() -> str | None:
    """Ask every runtime for every model and print the page; return an error's line."""
    layout = Layout()
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("models", nargs="*", metavar="MODEL", help="default: all exported ones")
    arguments.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    arguments.add_argument("--folder", type=Path, default=layout.state.path / "consumers")
    args = arguments.parse_args()
    logging.disable(logging.WARNING)  # MLflow's
    root = args.folder.resolve()
    models = args.models or exported_models(layout)
    if not models:
        return "no model is exported here: run `make run` first"
    try:
        for name in models:
            write_cases(name, layout, root / "cases" / name)
    except SightlineError as error:
        return str(error)
    results = {name: ask_all(name, models, root) for name in args.runtimes}
    print(page.page(models, results, root / "cases"), end="")
    return None


def ask_all(name: str, models: list[str], root: Path) -> page.Row:
    """Return what one runtime makes of every model."""
    runtime, row = RUNTIMES[name], page.Row(RUNTIMES[name].title)
    start = time.monotonic()
    try:
        ask = runtime.prepare(root)
    except (Missing, Ended) as error:
        row.missing = str(error)
        print(f"{name}: {row.missing}", file=sys.stderr)
        return row
    for model in models:
        cases, answers = root / "cases" / model, root / "answers" / name / f"{model}.jsonl"
        answers.parent.mkdir(parents=True, exist_ok=True)
        answers.unlink(missing_ok=True)
        row.verdicts[model], head = ask_one(ask, cases, answers)
        row.version = head.get("version", row.version)
        if "missing" in head:
            row.missing = head["missing"]
            break
        print(f"{name}: {model}: {shortly(row.verdicts[model])}", file=sys.stderr)
    print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    return row


def ask_one(ask, cases: Path, answers: Path) -> tuple[dict[str, Verdict], dict]:  # noqa: ANN001
    """Return a verdict for each file of one model, and what the runtime says of itself."""
    ended = None
    try:
        ask(cases, answers)
    except Ended as error:
        ended = str(error)
    head, lines = read_answers(answers)
    return compare(cases, lines, ended), head


def shortly(verdicts: dict[str, Verdict]) -> str:
    """Return a line for whoever waits."""
    return "; ".join(
        f"{file}: {len(one.right)} right, {len(one.wrong)} wrong, {len(one.refused)} refused, "
        f"{one.share:.1e}"
        for file, one in verdicts.items()
    )


if __name__ == "__main__":
    sys.exit(main())
