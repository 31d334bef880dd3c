"""The flow `reproduce`: what `dvc repro` would run, with a view of it, retries and a clear end."""

from pathlib import Path
from typing import Annotated

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows.stages import Run
from sightline import params, pipeline
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.processes import workspace_lock

Target = Annotated[str, Field(pattern=r"^[\w./:@-]+$", max_length=200)]


@flow
def reproduce(
    targets: Annotated[
        list[Target], Field(description="stages (train@mnist-lstm) or kinds (train); all if empty")
    ] = [],  # noqa: B006 (Prefect shows it in the form and never changes it)
    force: Annotated[bool, Field(description="run them even if nothing changed")] = False,
) -> State:
    """Run what is out of date, each stage as a task, in the workspace that the worker stands in."""
    log = get_run_logger()
    root = Path.cwd()
    try:
        settings = params.load(Layout(root))
        locks = pipeline.main_root(root) / ".sightline" / "locks"
        with workspace_lock(locks, f"flow run {flow_run.name}", settings.flows.lock_wait, log.info):
            plan = pipeline.plan(root, targets, force)
            run = Run(root, plan, settings, force)
            run.everything()
    except SightlineError as error:
        log.error(str(error))
        return Failed(message=str(error))
    failed = [name for name, outcome in run.outcomes.items() if outcome.how == "failed"]
    if failed:
        return Failed(message="; ".join(run.outcomes[name].cause for name in failed))
    return Completed(message=f"{len(run.outcomes)} stages ran of {len(plan.stages)}")


if __name__ == "__main__":
    reproduce()
