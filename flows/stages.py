"""The stages of one run as Prefect tasks: in dependency order, as parallel as the slots allow."""

import queue
import shlex
import time
from collections.abc import Iterable
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from flows.outcome import PASSES, Outcome, advice, cause, done, failed, stage_error
from flows.stage import POOL, send
from sightline.errors import SightlineError, TryAgain
from sightline.host import gpus, locks
from sightline.host.processes import Children
from sightline.layout import main_root
from sightline.pipeline import commands, copies, graph, lockfile
from sightline.settings.params import Params


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
        self.training = {"cpu": min(threads, self.flows.cpu_slots), "gpu": 0}
        if self.devices:
            self.training = {"cpu": 1, "gpu": min(self.processes, len(self.devices))}
        self.outcomes: dict[str, Outcome] = {}
        self.last_lines: dict[str, list[str]] = {}  # of the stages that failed

    def slots(self, name: str) -> dict[str, int]:
        """Return what a stage occupies while it runs: CPU slots, and GPUs if it trains on some."""
        if self.plan.stages[name].kind != "train":
            return {"cpu": 1, "gpu": 0}
        if self.commit:
            return {"cpu": 0, "gpu": 0}
        return self.training

    def by_hand(self, name: str) -> str:
        """Return what a person types to repeat one stage and see for themselves."""
        if self.overrides:  # this folder will be gone
            changes = " ".join(f"-S {shlex.quote(override)}" for override in self.overrides)
            return f"cd {main_root(self.root)} && dvc exp run {changes} {name}"
        return f"cd {self.root} && {' '.join(commands.repro(name))}"

    def everything(self) -> None:
        """Run all that is stale; a stage that fails stops its descendants and nothing else."""
        todo = [name for name in self.plan.stages if name in self.plan.stale]
        free = {"cpu": self.flows.cpu_slots, "gpu": len(self.devices)}
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        futures = {}
        unfinished = set(todo)
        step = run_stage.with_options(
            retries=self.flows.retries,
            retry_delay_seconds=exponential_backoff(self.flows.retry_delay),
        )
        while unfinished:
            for name in list(todo):
                upstream = self.plan.stages[name].upstream
                needs = self.slots(name)
                if not unfinished.isdisjoint(upstream) or any(free[k] < needs[k] for k in free):
                    continue
                free = {k: free[k] - needs[k] for k in free}
                todo.remove(name)
                # Prefect leaves a task NotReady, unrun, if one of those it waits for failed
                waits = [futures[u] for u in upstream if u in futures]
                futures[name] = step.submit(name, self, wait_for=waits)
                futures[name].add_done_callback(lambda _, name=name: ended.put(name))
            name = ended.get()
            unfinished.remove(name)
            free = {k: free[k] + self.slots(name)[k] for k in free}

    def stands_on(self, name: str) -> dict:
        """Return the part of dvc.lock that a worker needs to run `name` and nothing else."""
        entries, wanted = lockfile.locked(self.root), {name, *self.plan.stages[name].upstream}
        for other in reversed(self.plan.stages):
            if other in wanted:
                wanted.update(self.plan.stages[other].upstream)
        stages = {
            other: entries[other] for other in self.plan.stages if other in wanted & set(entries)
        }
        return {"schema": "2.0", "stages": stages}


def passes(task, task_run, state: State) -> bool:
    """Whether to retry: what a lock or the network caused, never a stage that fails."""
    if isinstance(state.data, TryAgain):  # raised, where a task returns something else than a state
        return True
    return state.name == PASSES


@task(
    name="stage",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=passes,
)
def run_stage(name: str, run: PipelineRun) -> State:
    """Run one stage through DVC, which decides whether there is anything to do."""
    began = time.monotonic()
    try:
        there = run.commit and run.plan.stages[name].kind == "train"
        outcome = elsewhere(name, run) if there else here(name, run)
    except SightlineError as error:
        said = f"{error}; by hand: {run.by_hand(name)}"
        run.outcomes[name] = Outcome("failed", time.monotonic() - began, "", said)
        get_run_logger().error("\n".join([said, *run.last_lines.get(name, [])]))
        return failed(error, said)
    except BaseException as error:  # whatever it is, the run must not pass for done
        said = f"{name}: {type(error).__name__}: {error}; by hand: {run.by_hand(name)}"
        run.outcomes[name] = Outcome("failed", time.monotonic() - began, "", said)
        raise
    run.outcomes[name] = outcome
    return Completed(message=f"{outcome.how}, {outcome.seconds:.0f} s, {outcome.where}")


def elsewhere(name: str, run: PipelineRun) -> Outcome:
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
        "params_text": (run.root / "params.yaml").read_text(encoding="utf-8"),
        "lock": run.stands_on(name),
        "force": run.force,
    }
    state = send(parameters, lambda: run.children.closed)
    if state is None and not run.children.closed:
        log.warning(f"no worker of pool {POOL} came for {name}: it runs here, on the CPU")
    if state is None:
        return here(name, run, where=f"here: no worker of pool {POOL} came")
    if not state.is_completed():
        passing = state.name == PASSES or state.is_crashed()  # a worker that died: another may not
        kind = TryAgain if passing else SightlineError
        raise kind(f"in pool {POOL}: {state.message or state.name}")
    taken = here(name, run, fetch=True)
    if taken.how == "ran":
        log.warning(f"{name} ran twice: what pool {POOL} made did not fit this workspace")
    return Outcome("ran", time.monotonic() - began, f"pool {POOL}")


def here(name: str, run: PipelineRun, where: str = "here", fetch: bool = False) -> Outcome:
    """Run the stage in this workspace; with `fetch`, take what a worker elsewhere just made."""
    log = get_run_logger()
    kind = run.plan.stages[name].kind
    limit = run.flows.time_limits.get(kind)
    said: list[str] = []

    def on_line(line: str) -> None:
        if not advice(line):
            log.info(line)
        said.extend(filter(None, [done(line)]))

    devices = run.devices if kind == "train" and not fetch else []
    wait = run.flows.lock_wait
    with (  # in this order: whoever waits for a GPU keeps no benchmark from the processors
        gpus.hold(devices, run.processes, limit or wait, log.info) as environment,
        locks.processors(False, wait, log.info),
    ):
        pull = fetch and copies.has_remote(run.root)
        command = commands.repro(name, run.force and not fetch, pull)
        result = run.children.run(command, run.root, on_line, limit, environment)
    if result.status != 0:
        run.last_lines[name] = result.tail
        raise stage_error(name, result, limit)
    return Outcome(said[-1] if said else "ran", result.seconds, where)
