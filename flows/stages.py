"""The stages of one run as Prefect tasks: in dependency order, as parallel as the slots allow."""

import contextlib
import queue
from dataclasses import dataclass
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.tasks import exponential_backoff

from sightline import gpus, pipeline
from sightline.errors import TRY_AGAIN
from sightline.params import Params
from sightline.processes import Children, Result

TRY_AGAIN_STATE = "TryAgain"  # a failed state of this name is worth a retry
# What DVC 3 says of a stage; tests/flows holds these against the real dvc.
_SAID = {
    "Running stage": "ran",
    "is cached - skipping run": "restored",
    "didn't change": "unchanged",
}
_LOCKED = ("Unable to acquire lock", "is busy, it is being blocked by")


@dataclass(frozen=True)
class Outcome:
    """What became of one stage. `how`: ran, restored (from the run cache), unchanged, failed."""

    how: str
    seconds: float
    where: str = "here"
    cause: str = ""


class Run:
    """One run over a plan: the slots it may use and what became of each stage."""

    def __init__(self, root: Path, plan: pipeline.Plan, params: Params, force: bool = False):
        self.root = root
        self.plan = plan
        self.flows = params.flows
        self.force = force
        self.devices = [] if params.compute.device == "cpu" else gpus.visible()
        self.train_slots = 1 if self.devices else min(params.compute.threads, self.flows.cpu_slots)
        self.outcomes: dict[str, Outcome] = {}
        self.children = Children()

    def slots(self, name: str) -> dict[str, int]:
        """What a stage occupies while it runs: CPU slots, and a GPU if it trains on one."""
        if self.plan.stages[name].kind != "train":
            return {"cpu": 1}
        return {"cpu": self.train_slots, "gpu": 1 if self.devices else 0}

    def everything(self) -> None:
        """Run all that is stale; a stage that fails stops its descendants and nothing else."""
        todo = [name for name in self.plan.stages if name in self.plan.stale]
        free = {"cpu": self.flows.cpu_slots, "gpu": len(self.devices)}
        ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        futures: dict[str, object] = {}
        running: set[str] = set()
        step = run_stage.with_options(
            retries=self.flows.retries,
            retry_delay_seconds=exponential_backoff(self.flows.retry_delay),
        )
        with self.children:
            while todo or running:
                for name in list(todo):
                    upstream = [u for u in self.plan.stages[name].upstream if u in futures]
                    waits = any(u in running or u in todo for u in self.plan.stages[name].upstream)
                    needs = self.slots(name)
                    if waits or any(free[kind] < n for kind, n in needs.items()):
                        continue
                    for kind, n in needs.items():
                        free[kind] -= n
                    todo.remove(name)
                    running.add(name)
                    # Prefect leaves a task NotReady, unrun, if one of those it waits for failed
                    futures[name] = step.submit(name, self, wait_for=[futures[u] for u in upstream])
                    futures[name].add_done_callback(lambda _, name=name: ended.put(name))
                name = ended.get()
                running.remove(name)
                for kind, n in self.slots(name).items():
                    free[kind] += n


def _passes(task, task_run, state: State) -> bool:
    """Retry what a lock or the network caused; never a stage that fails."""
    return state.name == TRY_AGAIN_STATE


@task(
    name="stage",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=_passes,
)
def run_stage(name: str, run: Run) -> State:
    """Run one stage through DVC, which decides whether there is anything to do."""
    log = get_run_logger()
    kind = run.plan.stages[name].kind
    said: list[str] = []

    def on_line(line: str) -> None:
        log.info(line)
        said.extend(how for words, how in _SAID.items() if words in line)

    with contextlib.ExitStack() as held:
        environment = {}
        if kind == "train" and run.devices:
            environment["CUDA_VISIBLE_DEVICES"] = held.enter_context(
                gpus.one_of(run.devices, log.info)
            )
        result = run.children.run(
            pipeline.command(name, run.force),
            run.root,
            on_line,
            run.flows.time_limits.get(kind),
            environment,
        )
    if result.status == 0:
        run.outcomes[name] = Outcome(said[-1] if said else "ran", result.seconds)
        return Completed(message=f"{run.outcomes[name].how}, {result.seconds:.0f} s")
    state = failure(name, run.root, result, run.flows.time_limits.get(kind))
    run.outcomes[name] = Outcome("failed", result.seconds, cause=state.message)
    log.error(f"{state.message}\nthe last lines:\n  " + "\n  ".join(result.tail))
    return state


def failure(name: str, root: Path, result: Result, limit: float | None) -> State:
    """Return the state of a stage that failed: cause, and the command to repeat it by hand."""
    by_hand = f"by hand: cd {root} && {' '.join(pipeline.command(name))}"
    if result.timed_out:
        return Failed(
            name="TimedOut",
            message=f"{name} ran past its {limit:.0f} s (flows.time_limits); {by_hand}",
        )
    text = "\n".join(result.tail)
    passes = f"exited with {TRY_AGAIN}" in text or any(words in text for words in _LOCKED)
    return Failed(
        name=TRY_AGAIN_STATE if passes else "Failed",
        message=f"{name}: {cause(result)}; {by_hand}",
    )


def cause(result: Result) -> str:
    """Return the line that says why: the program's own last word, before DVC's summary of it."""
    own = [line for line in result.tail if not line.startswith(("ERROR: failed to reproduce", ">"))]
    said = [line for line in own if line.startswith(("sightline: ", "ERROR: "))] or own
    return said[-1] if said else f"ended with status {result.status} and without a word"
