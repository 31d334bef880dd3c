"""What a run leaves in Prefect: a table, and an event when a model changed."""

import os
from pathlib import Path

from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows.services.environment import WORKSPACE
from flows.stages import TaskRun
from sightline.errors import masked
from sightline.layout import Layout
from sightline.report.compare import markdown_table
from sightline.settings.params import Params

ONNX_CHANGED = "sightline.onnx.changed"  # what the benchmark's trigger in prefect.yaml waits for


def publish(key: str, markdown: str, description: str) -> None:
    """Show a table in the Prefect UI, on this run and under its key."""
    create_markdown_artifact(key=key, markdown=masked(markdown), description=description)


def table(run: TaskRun, params: Params, notes: list[str]) -> str:
    """Return the run in markdown: what ran, what was up to date, seconds, models and figures."""
    rows = [
        f"| {name} | {outcome.how} | {outcome.seconds:.0f} | {run.where.get(name, '')} |"
        for name, outcome in run.outcomes.items()
    ]
    stopped = [n for n in run.stages if n in run.stale and n not in run.outcomes]
    rows += [f"| {name} | not run: one that it needs failed | | |" for name in stopped]
    ran = ["| stage | what became of it | seconds | where |", "|---|---|---:|---|", *rows]
    causes = []
    for name, outcome in run.outcomes.items():
        if outcome.error:
            last_lines = run.here.last_lines.get(name, [])
            causes += [run.message(name, outcome), "", "```text", *last_lines, "```", ""]
    return "\n".join(
        [
            f"# {summary(run)}",
            "",
            *(f"{note}\n" for note in notes),
            *(["## Failed", "", *causes] if causes else []),
            *(["## Stages", "", *ran, ""] if rows else []),
            "## Models",
            "",
            markdown_table(params, Layout(run.root)),
        ]
    )


def summary(run: TaskRun) -> str:
    """Return one line: how many stages ran, were restored, were up to date, failed, never ran."""
    hows = [outcome.how for outcome in run.outcomes.values()]
    counts = {how: hows.count(how) for how in ("ran", "restored", "failed")}
    counts["not run"] = len(run.stale) - len(hows)
    counts["up to date"] = len(run.stages) - sum(counts.values())
    parts = [f"{n} {how}" for how, n in counts.items() if n]
    return f"{len(run.stages)} stages: {', '.join(parts)}"


def announce_changed_models(root: Path, before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Emit one event that names the ONNX files whose digest changed, and return them.

    The event says in which workspace, seen from the worker's own, so that the benchmark it starts
    measures there.
    """
    changed = [p for p, md5 in after.items() if p.endswith(".onnx") and before.get(p) != md5]
    root = root.resolve()
    if changed:
        own = Path(os.environ.get(WORKSPACE, root)).resolve()
        emit_event(
            ONNX_CHANGED,
            resource={
                "prefect.resource.id": "sightline.models",
                "prefect.resource.name": root.name,
            },
            payload={"files": changed, "workspace": os.path.relpath(root, own)},
        )
    return changed
