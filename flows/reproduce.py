"""The flow `reproduce`: what `dvc repro` would run, with a view of it, retries and a clear end.

prefect deployment run reproduce/now --watch      on the worker that `make up` started
python -m flows.reproduce                         here and now
"""

import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import Field

from flows import artifacts, console, gpu_pool
from flows.gpu_pool import POOL
from flows.notify import post_failure
from flows.outcome import cause, failed_state
from flows.stages import Listener, TaskRun
from sightline.cli import main
from sightline.errors import SightlineError
from sightline.host.locks import waited_for, workspace_lock
from sightline.host.processes import Children
from sightline.layout import LOCK, PARAMS, Layout
from sightline.pipeline import commands, copies, engine, lockfile, worktrees
from sightline.pipeline.run import Run
from sightline.pipeline.stage_commands import StageCommands
from sightline.settings import params
from sightline.settings.params import Params

Target = Annotated[str, Field(pattern=r"^[\w./:-]+(@[\w.-]+)?$", max_length=200)]
Override = Annotated[str, Field(pattern=r"^[+~]{0,2}[^\s=]+(=.*)?$", max_length=500)]
Targets = Annotated[list[Target], Field(title="targets")]
Overrides = Annotated[list[Override], Field(title="overrides")]
Force = Annotated[bool, Field(title="force")]


@flow(on_failure=[post_failure], on_crashed=[post_failure])
def reproduce(targets: Targets = [], overrides: Overrides = [], force: Force = False) -> State[Any]:  # noqa: B006
    """Run what is out of date in the worker's workspace, each stage as a task.

    DVC decides what that is. A stage that fails stops those that need it, nothing else; the next
    run takes up where this one stopped.

    Args:
        targets: Stages (train@mnist-lstm) or kinds of stage (export) to bring up to date, with all
            that they depend on. Everything if empty.
        overrides: Params to change in this run alone, as `dvc exp run -S` takes them, such as
            models.mnist-lstm.recipe=rows-8. Kept as an experiment named after the run.
        force: Run the stages even if DVC finds nothing changed.
    """
    return bring_up_to_date(targets, overrides, force)


def bring_up_to_date(targets: list[str], overrides: list[str], force: bool) -> State[Any]:
    """Run the stale ones of `targets`; return the state and line that the flow run ends with."""
    console.outlive_reader()
    log = get_run_logger()
    try:
        with folder_to_run_in(Path.cwd(), overrides) as root, Children() as children:
            settings = params.load(Layout(root))
            notes = []
            before = lockfile.locked_outs(root)
            with StageCommands(Layout(root), settings, Listener(), main) as here:
                run = TaskRun(root, settings, here, children, overrides, force)
                notes += run_stages(run, settings, targets)
            after = lockfile.locked_outs(root)
            # an experiment's worktree is gone when a benchmark that waits for the event starts
            if not overrides and (
                changed := artifacts.announce_changed_models(root, before, after)
            ):
                notes.append(f"ONNX files that changed: {', '.join(changed)}")
            failures = run.failures
            if overrides and not failures:
                notes.append(keep_experiment(root, run.stages if targets else (), children))
            artifacts.publish("reproduce", artifacts.table(run, settings, notes), f"in {root}")
    except SightlineError as error:
        log.error(str(error))
        return failed_state(error)
    result = "\n".join([artifacts.summary(run), *failures])
    console.say_end(result, bool(failures), "reproduce")
    return Failed(message=result) if failures else Completed(message=result)


def run_stages(task_run: TaskRun, settings: Params, targets: list[str]) -> list[str]:
    """Run the stale ones of `targets`, with DVC's lock held; return notes about it."""
    log, notes = get_run_logger(), []
    with engine.opened(task_run.root, task_run.command, log.info) as dvc:
        stages = task_run.stages = dvc.plan(targets)
        stale = task_run.stale = dvc.stale(stages, task_run.force)
        log.info(f"{len(stale)} of {len(stages)} stages are out of date")
        if any(stages[name].kind == "train" for name in stale):
            check_params(task_run.root, task_run.children)
            task_run.commit, note = where_to_train(task_run.root)
            notes.append(note)
            log.info(note)
        task_run.run = Run(
            task_run.root,
            settings,
            dvc,
            {name: stage for name, stage in stages.items() if name in stale},
            devices=len(task_run.here.devices),
            elsewhere=task_run.commit is not None,
        )
        task_run.run_stale_stages()
    return notes


@contextlib.contextmanager
def folder_to_run_in(root: Path, overrides: list[str]) -> Iterator[Path]:
    """Give the folder to run in: the workspace, locked; with overrides a worktree that has them."""
    log = get_run_logger()
    if overrides:
        commit = worktrees.head(root, LOCK)
        worktrees.check_identity(root)
        with worktrees.worktree(root, commit, f"run-{flow_run.id}") as copy:
            lockfile.copy_to(root, copy)
            copies.checkout(copy)
            copies.override(copy, overrides)
            yield copy
        return
    locks = Layout(root).own_state.locks
    patience = params.load(Layout(root)).flows.lock_wait
    with workspace_lock(locks, f"flow run '{flow_run.name}'", patience, log.info):
        for note in lockfile.heal(root):
            log.warning(note)
        yield root


def check_params(root: Path, children: Children) -> None:
    """Check all of params.yaml, the networks' settings too, before a training is started.

    In a process of its own, because it imports torch, which the engine has no use for.
    """
    result = children.run(["sightline", "validate"], root, get_run_logger().info)
    if result.status != 0:
        raise SightlineError("; ".join(result.tail).replace("sightline: ", ""))


def where_to_train(root: Path) -> tuple[str | None, str]:
    """Return the commit that a worker of the gpu pool is to train, or None; and the reason."""
    if not gpu_pool.has_worker():
        return None, f"Training runs here: no worker serves pool {POOL}."
    try:
        commit = worktrees.head(root, LOCK, PARAMS)
    except SightlineError as error:
        return None, f"Training runs here, not in pool {POOL}: {error}"
    return commit, f"Training goes to pool {POOL}, at commit {commit[:12]}."


def keep_experiment(root: Path, stages: Iterable[str], children: Children) -> str:
    """Keep a run with overrides as a DVC experiment named after it; return how to get at it.

    `stages`: those of the run, where it was not all; the others may never have run.

    Two runs may have one name, and hold in it what no git ref does. Their ids begin with the time,
    and differ in the end.
    """
    words = re.sub(r"[^A-Za-z0-9_]+", "-", flow_run.name).strip("-")
    name = f"{words or 'run'}-{flow_run.id[-8:]}"
    command = commands.save_experiment(name, stages)
    log = get_run_logger()
    lock = Layout(root).state.locks / "experiments.lock"
    # worktrees share git's stash, and DVC saves through it: one after the other
    with waited_for(lock, lambda: log.info("waiting: another run keeps its experiment")):
        result = children.run(command, root, log.info)
    if result.status != 0:
        raise SightlineError(f"experiment {name} was not kept: {cause(result)}")
    return f"Kept as experiment: `dvc exp show`, `dvc exp apply {name}`."


if __name__ == "__main__":
    sys.exit(console.by_hand(reproduce))
