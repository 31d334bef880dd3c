"""The flow `benchmark`: exported models measured in onnxruntime, each in a process of its own.

prefect deployment run benchmark/weekly --watch                        what has no record yet
prefect deployment run benchmark/weekly -p models='["mnist-lstm"]'     one model, again
"""

import base64
import sys
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff
from pydantic import Field

from flows import artifacts, console
from flows.notify import post_failure
from flows.outcome import cause, failed_state, stage_error
from flows.stages import may_be_retried
from flows.train import Model
from sightline.benchmark import records, regression, run
from sightline.benchmark import summary as figures
from sightline.errors import TRY_AGAIN, SightlineError, TryAgain
from sightline.host.locks import workspace_lock
from sightline.host.processes import Children
from sightline.layout import Layout
from sightline.settings import params
from sightline.settings.params import Params

# a folder below the worker's own, never above it
Workspace = Annotated[
    str, Field(pattern=r"^(\.|\.?[\w-][\w.-]*(/\.?[\w-][\w.-]*)*)$", max_length=200)
]
REGRESSION = "Regression"  # the name of the failed state of a run that found a model slower


@flow(on_failure=[post_failure], on_crashed=[post_failure])
def benchmark(
    models: list[Model] = [],  # noqa: B006
    force: bool = False,
    workspace: Workspace = ".",
) -> State[Any]:
    """Measure exported models, one after the other.

    While one is measured it has the processors to itself: stages of other flows wait.

    Args:
        models: models to measure, also again; if empty, those whose file, machine, versions or
            settings have no record yet
        force: measure every exported model, record or not
        workspace: the folder whose models are measured, seen from the worker's own workspace
    """
    console.outlive_reader()
    log = get_run_logger()
    layout = Layout(Path.cwd() / workspace)
    try:
        settings = params.load(layout)
        locks, patience = layout.own_state.locks, settings.flows.lock_wait
        owner = f"flow run '{flow_run.name}'"
        with workspace_lock(locks, owner, patience, log.info), Children() as children:
            wanted = run.due(models, layout, settings, force)
            step = measure.with_options(
                task_run_name="{name}",
                retries=settings.flows.retries,
                retry_delay_seconds=exponential_backoff(settings.flows.retry_delay),
            )
            states = {
                name: step(name, key, settings, layout, children, return_state=True)
                for name, key in wanted.items()
            }
            newest = run.newest(settings.models, layout)
        if newest:
            artifacts.publish("benchmark", markdown(newest, layout), summary(states, newest))
    except SightlineError as error:
        log.error(str(error))
        return failed_state(error)
    bad = {name: state for name, state in states.items() if not state.is_completed()}
    result = "\n".join([summary(states, newest), *(str(state.message) for state in bad.values())])
    console.say_end(result, bool(bad), "benchmark" if newest else "")
    if not bad:
        return Completed(message=result)
    only_slower = all(state.name == REGRESSION for state in bad.values())
    return Failed(name=REGRESSION if only_slower else "Failed", message=result)


@task(cache_policy=NO_CACHE, persist_result=False, retry_condition_fn=may_be_retried)
def measure(
    name: str, key: dict[str, Any], settings: Params, layout: Layout, children: Children
) -> State[Any]:
    """Measure one model in a process that does nothing else; its state says if it became slower.

    What was measured is not measured again because MLflow was down: the next run completes that.
    """
    log = get_run_logger()
    before = records.current(layout, name, key)
    limit = settings.flows.time_limits.get("benchmark")
    result = children.run(["sightline", "benchmark", name], layout.root, log.info, limit)
    record = records.current(layout, name, key)
    if record is None or record == before:
        try:
            if result.status == TRY_AGAIN:
                raise TryAgain(f"{name}: {cause(result)}")
            raise stage_error(name, result, limit)
        except SightlineError as error:
            log.error(str(error))
            return failed_state(error)
    if record["regression"] and record["regression"]["verdict"] == regression.SLOWER:
        return Failed(name=REGRESSION, message=regression.sentence(record))
    if result.status != 0:
        return Failed(message=f"{name} was measured, but: {cause(result)}")
    return Completed(message=f"{name}: {record['path']}")


def summary(states: dict[str, State[Any]], newest: list[dict[str, Any]]) -> str:
    """Return one line: how many models were measured, failed, became slower, had a record."""
    slower = sum(state.name == REGRESSION for state in states.values())
    measured = sum(state.is_completed() for state in states.values()) + slower
    parts = [f"{measured} models measured"]
    parts += [f"{slower} slower than before"] * bool(slower)
    parts += [f"{len(states) - measured} failed"] * (len(states) > measured)
    known = len({r["model"]["name"] for r in newest} - set(states))
    return ", ".join([*parts, f"{known} had a record already"])


def markdown(newest: list[dict[str, Any]], layout: Layout) -> str:
    """Return the artifact: the text, and the pictures within it, so that it stands alone."""
    pictures = [
        f"![{path.stem}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()})"
        for path in figures.write_pictures(newest, layout)
    ]
    return "\n\n".join(["# onnxruntime", figures.text(newest), *pictures])


if __name__ == "__main__":
    sys.exit(console.by_hand(benchmark))
