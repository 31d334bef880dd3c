"""The flow `stage`: one stage of somebody else's run, on this worker."""

from pathlib import Path
from typing import Any

import yaml
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import console, gpu_pool
from flows.outcome import cause, failed_state, is_advice, stage_error
from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus, locks
from sightline.host.processes import Children
from sightline.layout import Layout
from sightline.models import timing
from sightline.pipeline import commands, copies, graph, lockfile, worktrees
from sightline.settings import params


@flow(flow_run_name="{name}")
def stage(name: str, commit: str, params_text: str, lock: dict, force: bool = False) -> State[Any]:
    """Run one stage in a worktree of this worker's clone, and push what it made.

    The coordinator sends the commit, its params.yaml and the entries of dvc.lock that the stage
    needs; nothing but this stage can run here. Results travel through the DVC remote, or through
    the cache where both share one; the stage's own entry of dvc.lock stays with this run.
    """
    console.outlive_reader()
    log = get_run_logger()

    def on_line(line: str) -> None:
        if not is_advice(line):
            log.info(line)

    try:
        with (
            worktrees.worktree(Path.cwd(), commit, f"stage-{flow_run.id}") as copy,
            Children() as children,
        ):
            Layout(copy).params.write_text(params_text, encoding="utf-8")
            Layout(copy).lock.write_text(yaml.safe_dump(lock), encoding="utf-8")
            settings = params.load(Layout(copy))
            limit = settings.flows.time_limits.get(name.partition("@")[0])
            devices = [] if settings.compute.device == "cpu" else gpus.visible()
            remote = copies.has_remote(copy)
            if remote:
                upstream = graph.plan(copy, [name]).stages[name].upstream
                pulled = children.run(commands.pull(upstream), copy, on_line)
                if pulled.status != 0:
                    raise TryAgain(f"pull of {', '.join(upstream)}: {cause(pulled)}")
            else:
                copies.checkout(copy)
            processes, wait = settings.compute.processes, settings.flows.lock_wait
            with (  # in this order: whoever waits for a GPU keeps no benchmark from the processors
                gpus.hold(devices, processes, limit or wait, log.info) as environment,
                locks.processors(False, wait, log.info),
            ):
                result = children.run(
                    commands.repro(name, force, pull=remote), copy, on_line, limit, environment
                )
            if result.status != 0:
                raise stage_error(name, result, limit)
            if remote:
                pushed = children.run(commands.push([name]), copy, on_line)
                if pushed.status != 0:
                    raise TryAgain(f"push of {name} to the DVC remote: {cause(pushed)}")
            item = name.partition("@")[2]
            took = timing.read(Layout(copy), item)
            gpu_pool.leave(name, lockfile.locked(copy)[name], took)
        return Completed(message=f"{name} took {result.seconds:.0f} s")
    except SightlineError as error:
        log.error(str(error))
        return failed_state(error)
