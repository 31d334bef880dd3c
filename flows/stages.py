"""The stages of one run as Prefect tasks: in dependency order, as parallel as the slots allow."""

import contextlib
import queue
import shlex
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from flows import gpu_pool
from flows.gpu_pool import POOL
from flows.outcome import (
    TRY_AGAIN_STATE,
    Outcome,
    cause,
    failed_state,
    is_advice,
    outcome_in,
    stage_error,
)
from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus, locks
from sightline.host.processes import Children
from sightline.host.processors import cores
from sightline.layout import Layout, main_root
from sightline.pipeline import commands, copies, graph, lockfile
from sightline.settings.params import Params

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


class PipelineRun:
    """One run over a plan: the slots it may use, where it trains, what became of each stage.

    `commit` is set where training goes to a worker of the gpu pool: what that one checks out.
    """

    def __init__(
        self,
        root: Path,
        plan: graph.Plan,
        params: Params,
        children: Children,
        overrides: Iterable[str] = (),
        force: bool = False,
        commit: str | None = None,
    ):
        self.root = root
        self.plan = plan
        self.flows = params.flows
        self.children = children
        self.overrides = tuple(overrides)
        self.force = force
        self.commit = commit
        self.devices = [] if params.compute.device == "cpu" else gpus.visible()
        self.processes = params.compute.processes
        threads = self.processes * params.compute.threads
        # at most what there is: a stage that needs more runs alone
        self.cpu_slots = self.flows.cpu_slots or cores()
        self.training = {"cpu": min(threads, self.cpu_slots), "gpu": 0}
        if self.devices:
            self.training = {"cpu": 1, "gpu": min(self.processes, len(self.devices))}
        self._free = {"cpu": self.cpu_slots, "gpu": len(self.devices)}
        self._given_back = threading.Condition()
        self.outcomes: dict[str, Outcome] = {}
        self.last_lines: dict[str, list[str]] = {}  # of the stages that failed

    def slots(self, name: str) -> dict[str, int]:
        """Return what a stage occupies while it runs: CPU slots, and GPUs if it trains on some."""
        if self.plan.stages[name].kind != "train":
            return {"cpu": 1, "gpu": 0}
        if self.commit:
            return {"cpu": 0, "gpu": 0}
        return self.training

    def _take(self, needs: dict[str, int]) -> bool:
        """Take slots if they are free; return whether they were."""
        with self._given_back:
            if any(self._free[kind] < needs[kind] for kind in needs):
                return False
            self._free = {kind: self._free[kind] - needs[kind] for kind in needs}
            return True

    def _give_back(self, slots: dict[str, int]) -> None:
        with self._given_back:
            self._free = {kind: self._free[kind] + slots[kind] for kind in slots}
            self._given_back.notify_all()

    @contextlib.contextmanager
    def slots_for_training(self) -> Iterator[None]:
        """Hold the slots of a training that was meant for another machine; wait until it has them.

        A run that is ending is not waited for: `children` start nothing more.
        """
        with self._given_back:
            while not (held := self._take(self.training)) and not self.children.closed:
                self._given_back.wait(timeout=1)
        try:
            yield
        finally:
            if held:
                self._give_back(self.training)

    def command_to_repeat(self, name: str) -> str:
        """Return what a person types to repeat one stage and see for themselves."""
        if self.overrides:  # this folder will be gone
            changes = " ".join(f"-S {shlex.quote(override)}" for override in self.overrides)
            return f"cd {main_root(self.root)} && dvc exp run {changes} {name}"
        return f"cd {self.root} && {' '.join(commands.repro(name))}"

    def run_stale_stages(self) -> None:
        """Run all that is stale; a stage that fails stops its descendants and nothing else."""
        todo = [name for name in self.plan.stages if name in self.plan.stale]
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        futures: dict[str, PrefectFuture[Any]] = {}
        unfinished = set(todo)
        step = run_stage.with_options(
            retries=self.flows.retries,
            retry_delay_seconds=exponential_backoff(self.flows.retry_delay),
        )
        while unfinished:
            for name in list(todo):
                upstream = self.plan.stages[name].upstream
                needs = self.slots(name)
                if not unfinished.isdisjoint(upstream) or not self._take(needs):
                    continue
                todo.remove(name)
                # Prefect leaves a task NotReady, unrun, if one of those it waits for failed
                waits = [futures[u] for u in upstream if u in futures]
                futures[name] = step.submit(name, self, return_state=False, wait_for=waits)
                futures[name].add_done_callback(lambda _, name=name: ended.put(name))
            name = ended.get()
            unfinished.remove(name)
            self._give_back(self.slots(name))

    def lock_for_worker(self, name: str) -> dict[str, Any]:
        """Return the part of dvc.lock that a worker needs to run `name` and nothing else."""
        entries, wanted = lockfile.locked(self.root), {name, *self.plan.stages[name].upstream}
        for other in reversed(self.plan.stages):
            if other in wanted:
                wanted.update(self.plan.stages[other].upstream)
        stages = {
            other: entries[other] for other in self.plan.stages if other in wanted & set(entries)
        }
        return {"schema": "2.0", "stages": stages}


def may_be_retried(task: object, task_run: object, state: State[Any]) -> bool:
    """Whether to retry: what a lock or the network caused, never a stage that fails."""
    if isinstance(state.data, TryAgain):  # raised, where a task returns something else than a state
        return True
    return state.name == TRY_AGAIN_STATE


@task(
    name="stage",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=may_be_retried,
)
def run_stage(name: str, run: PipelineRun) -> State[Any]:
    """Run one stage through DVC, which decides whether there is anything to do."""
    began = time.monotonic()
    try:
        to_worker = run.commit and run.plan.stages[name].kind == "train"
        outcome = run_in_pool(name, run) if to_worker else run_here(name, run)
    except SightlineError as error:
        message = f"{error}; by hand: {run.command_to_repeat(name)}"
        run.outcomes[name] = Outcome("failed", time.monotonic() - began, "", message)
        get_run_logger().error("\n".join([message, *run.last_lines.get(name, [])]))
        return failed_state(error, message)
    except BaseException as error:  # whatever it is, the run must not pass for done
        message = f"{name}: {type(error).__name__}: {error}; by hand: {run.command_to_repeat(name)}"
        run.outcomes[name] = Outcome("failed", time.monotonic() - began, "", message)
        raise
    run.outcomes[name] = outcome
    return Completed(message=f"{outcome.how}, {outcome.seconds:.0f} s, {outcome.where}")


def run_in_pool(name: str, run: PipelineRun) -> Outcome:
    """Let a worker of the gpu pool run the stage and take what it made; here where none comes."""
    log = get_run_logger()
    began = time.monotonic()
    upstream = run.plan.stages[name].upstream
    if copies.has_remote(run.root):
        pushed = run.children.run(commands.push(upstream), run.root, log.info)
        if pushed.status != 0:
            raise TryAgain(f"push of {', '.join(upstream)} to the DVC remote: {cause(pushed)}")
    log.info(f"{name} goes to a worker of pool {POOL}")
    parameters = {
        "name": name,
        "commit": run.commit,
        "params_text": Layout(run.root).params.read_text(encoding="utf-8"),
        "lock": run.lock_for_worker(name),
        "force": run.force,
    }
    state = gpu_pool.run_on_worker(parameters, lambda: run.children.closed)
    if state is None and not run.children.closed:
        device = "a GPU" if run.devices else "the CPU"
        log.warning(f"no worker of pool {POOL} came for {name}: it runs here, on {device}")
    if state is None:
        with run.slots_for_training():
            return run_here(name, run, where=f"here: no worker of pool {POOL} came")
    if not state.is_completed():
        # where one worker died, another may not
        may_pass = state.name == TRY_AGAIN_STATE or state.is_crashed()
        kind = TryAgain if may_pass else SightlineError
        raise kind(f"in pool {POOL}: {state.message or state.name}")
    take_over(name, run, gpu_pool.read_lock_entry(state))
    return Outcome("ran", time.monotonic() - began, f"pool {POOL}")


def take_over(name: str, run: PipelineRun, entry: dict[str, Any]) -> None:
    """Bring what a worker made into this workspace: its entry in dvc.lock, then the files.

    Nothing is asked of the run cache, which may hold older results of the same inputs.
    """
    log = get_run_logger()
    lockfile.adopt(run.root, name, entry)
    fetch = commands.pull if copies.has_remote(run.root) else commands.checkout
    result = run.children.run(fetch([name]), run.root, log.info)
    if result.status != 0:
        raise TryAgain(f"what pool {POOL} made of {name} could not be taken: {cause(result)}")


def run_here(name: str, run: PipelineRun, where: str = "here") -> Outcome:
    """Run the stage in this workspace."""
    log = get_run_logger()
    kind = run.plan.stages[name].kind
    limit = run.flows.time_limits.get(kind)
    outcomes: list[str] = []

    def on_line(line: str) -> None:
        if not is_advice(line):
            log.info(line)
        outcomes.extend(filter(None, [outcome_in(line)]))

    devices = run.devices if kind == "train" else []
    wait = run.flows.lock_wait
    with (  # in this order: whoever waits for a GPU keeps no benchmark from the processors
        gpus.hold(devices, run.processes, limit or wait, log.info) as environment,
        locks.processors(False, wait, log.info),
    ):
        command = commands.repro(name, run.force)
        result = run.children.run(command, run.root, on_line, limit, environment)
    if result.status != 0:
        run.last_lines[name] = result.tail
        raise stage_error(name, result, limit)
    return Outcome(outcomes[-1] if outcomes else "ran", result.seconds, where)
