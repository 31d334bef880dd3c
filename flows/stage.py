"""The flow `stage`: one stage of somebody else's run, on this worker. And how to send one there."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import yaml
from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, WorkerStatus
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelling, Completed

from flows import console
from flows.outcome import advice, cause, failed, stage_error
from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus, locks
from sightline.host.processes import Children
from sightline.layout import Layout
from sightline.pipeline import commands, copies, graph, worktrees
from sightline.settings import params

POOL = "gpu"
DEPLOYMENT = f"stage/{POOL}"
POLL = 2.0  # seconds between two looks at a stage that runs elsewhere


@flow(flow_run_name="{name}")
def stage(name: str, commit: str, params_text: str, lock: dict, force: bool = False) -> State:
    """Run one stage in a worktree of this worker's clone, and push what it made.

    The coordinator sends the commit, its params.yaml and the entries of dvc.lock that the stage
    stands on; nothing but this stage can run here. Results travel through the DVC remote, or
    through the cache where both share one.
    """
    console.outlive_reader()
    log = get_run_logger()

    def on_line(line: str) -> None:
        if not advice(line):
            log.info(line)

    try:
        with (
            worktrees.worktree(Path.cwd(), commit, f"stage-{flow_run.id}") as copy,
            Children() as children,
        ):
            (copy / "params.yaml").write_text(params_text, encoding="utf-8")
            (copy / "dvc.lock").write_text(yaml.safe_dump(lock), encoding="utf-8")
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
        return Completed(message=f"{name} took {result.seconds:.0f} s")
    except SightlineError as error:
        log.error(str(error))
        return failed(error)


def served() -> bool:
    """Whether the gpu pool has a worker that would take a stage now."""
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(DEPLOYMENT)
            if client.read_work_pool(POOL).is_paused:
                return False
            workers = client.read_workers_for_work_pool(POOL)
        except ObjectNotFound:
            return False
    return any(worker.status == WorkerStatus.ONLINE for worker in workers)


def send(parameters: dict, closed: Callable[[], bool]) -> State | None:
    """Run `stage` on a worker of the gpu pool, wait, and return the state that it ended in.

    Returns None where no worker came for it, or where `closed` says that this run is ending: then
    it is called off there too. A server that is away for a while is waited for.
    """
    sent = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0)
    with get_client(sync_client=True) as client:
        state = sent.state
        while not closed():
            try:
                state = client.read_flow_run(sent.id).state
                if state.is_final():
                    return state
                if state.is_scheduled() and not served():
                    break
            except httpx.TransportError:
                pass
            time.sleep(POLL)
        client.set_flow_run_state(sent.id, Cancelling(message="called off by whoever asked for it"))
    return None
