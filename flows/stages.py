"""The stages of one run as Prefect tasks. What may start when, `sightline.pipeline.run` says."""

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from flows import gpu_pool
from flows.gpu_pool import POOL
from flows.outcome import TRY_AGAIN_STATE, cause, failed_state
from sightline.errors import SightlineError, TryAgain
from sightline.host.processes import Children
from sightline.layout import Layout, main_root
from sightline.models import timing
from sightline.pipeline import commands, copies, lockfile, worktrees
from sightline.pipeline.graph import Stage
from sightline.pipeline.run import Run
from sightline.pipeline.schedule import Outcome
from sightline.pipeline.stage_commands import StageCommands
from sightline.settings.params import Params

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture


class Listener:
    """Writes what happens into the log of the task in whose thread it does."""

    def note(self, text: str) -> None:
        """Log what is waited for."""
        get_run_logger().info(text)

    def line(self, name: str, text: str) -> None:
        """Log what a stage printed."""
        get_run_logger().info(text)


class TaskRun:
    """One run whose stages are tasks: where each ran, and what a person types to repeat one.

    `here` runs commands in this workspace. With a `commit` trainings go to a worker of the gpu
    pool, which checks that out. `run`, `stages` and `stale` are set when DVC has been asked.
    """

    run: Run
    stages: dict[str, Stage]
    stale: set[str]

    def __init__(
        self,
        root: Path,
        settings: Params,
        here: StageCommands,
        children: Children,
        overrides: list[str],
        force: bool,
    ) -> None:
        self.root, self.flows = root, settings.flows
        self.here, self.children = here, children
        self.overrides, self.force = overrides, force
        self.commit: str | None = None
        self.where: dict[str, str] = {}
        self._latest: dict[str, Outcome] = {}  # of the last attempt

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """What became of each stage that was started."""
        return self.run.outcomes

    @property
    def failures(self) -> list[str]:
        """Return a line for each stage that failed."""
        outcomes = self.run.outcomes.items()
        return [self.message(name, outcome) for name, outcome in outcomes if outcome.error]

    def message(self, name: str, outcome: Outcome) -> str:
        """Return why a stage failed, and the command that repeats it by hand."""
        if self.overrides:  # this folder will be gone
            changes = " ".join(f"-S {shlex.quote(override)}" for override in self.overrides)
            command = f"cd {main_root(self.root)} && dvc exp run {changes} {name}"
        else:
            command = f"cd {self.root} && {' '.join(commands.repro(name))}"
        return f"{name}: {outcome.error}; by hand: {command}"

    def run_stale_stages(self) -> None:
        """Run all that is stale; a stage that fails stops its descendants and nothing else."""
        futures: dict[str, PrefectFuture[Any]] = {}
        step = run_stage.with_options(
            retries=self.flows.retries,
            retry_delay_seconds=exponential_backoff(self.flows.retry_delay),
        )

        def submit(name: str) -> None:
            waits = [futures[u] for u in self.stages[name].upstream if u in futures]
            futures[name] = step.submit(name, self, return_state=False, wait_for=waits)

        def start(name: str) -> None:
            submit(name)
            futures[name].add_done_callback(lambda _: self.run.ended(name, self._became(name)))

        self.run.to_the_end(start, lambda name, outcome: None)
        for name in self.run.schedule.skipped:
            submit(name)  # Prefect leaves it NotReady, unrun: one that it waits for failed
        for name in self.run.schedule.skipped:
            futures[name].wait()

    def attempt(self, name: str) -> Outcome:
        """Bring one stage up to date; a retry is another attempt."""
        self.where[name] = "here"
        outcome = self._latest[name] = self.run.bring_up_to_date(name, self.force)
        return outcome

    def _became(self, name: str) -> Outcome:
        lost = SightlineError("Prefect ended its task: the server's log may say why")
        return self._latest.get(name) or Outcome("failed", 0.0, lost)

    def command(self, name: str, line: str, folder: Path, environment: dict[str, str]) -> None:
        """Run the command of a stage, here or on a worker of the gpu pool.

        Raises SightlineError where it fails, TryAgain where the cause passes by itself.
        """
        if not self.commit or self.stages[name].kind != "train":
            self.here.run(name, line, folder, environment)
        elif state := self._in_pool(name):
            left = gpu_pool.what_was_left(state)
            self._take_over(name, left["lock"], folder)
            timing.keep(Layout(folder), self.stages[name].item, left["timing"])
            self.where[name] = f"pool {POOL}"
        else:
            self.run.wait_for_room_to_train(name)
            self.where[name] = f"here: no worker of pool {POOL} came"
            self.here.run(name, line, folder, environment)

    def _in_pool(self, name: str) -> State[Any] | None:
        """Let a worker of the gpu pool run a training to its end; None where no worker comes."""
        log = get_run_logger()
        if copies.has_remote(self.root):
            self.run.dvc.push(self.stages[name].upstream)
        log.info(f"{name} goes to a worker of pool {POOL}")
        parameters = {
            "name": name,
            "commit": self.commit,
            "params_text": Layout(self.root).params.read_text(encoding="utf-8"),
            "lock": self._lock_for_worker(name),
            "force": self.force,
        }
        state = gpu_pool.run_on_worker(parameters, lambda: self.here.ending)
        if state is None and not self.here.ending:
            device = "a GPU" if self.here.devices else "the CPU"
            log.warning(f"no worker of pool {POOL} came for {name}: it runs here, on {device}")
        if state and not state.is_completed():
            # where one worker died, another may not
            may_pass = state.name == TRY_AGAIN_STATE or state.is_crashed()
            kind = TryAgain if may_pass else SightlineError
            message = (state.message or state.name or "").removeprefix(f"{name}: ")
            raise kind(f"in pool {POOL}: {message}")
        return state

    def _lock_for_worker(self, name: str) -> dict[str, Any]:
        """Return the part of dvc.lock that a worker needs to run `name` and nothing else."""
        entries, wanted = lockfile.locked(self.root), {name}
        for other in reversed(self.stages):
            if other in wanted:
                wanted.update(self.stages[other].upstream)
        stages = {other: entries[other] for other in self.stages if other in wanted & set(entries)}
        return {"schema": "2.0", "stages": stages}

    def _take_over(self, name: str, entry: dict[str, Any], folder: Path) -> None:
        """Bring what a worker made into `folder`, as if the command had made it here.

        Through a worktree that knows this one entry: nothing is asked of the run cache, which may
        hold older results of the same inputs.
        """
        copy_name = f"take-{name.replace('@', '-')}"
        with worktrees.worktree(self.root, str(self.commit), copy_name) as copy:
            project = Layout(copy)
            shutil.copy(Layout(self.root).params, project.params)
            lock = {"schema": "2.0", "stages": {name: entry}}
            project.lock.write_text(yaml.safe_dump(lock), encoding="utf-8")
            fetch = commands.pull if copies.has_remote(self.root) else commands.checkout
            result = self.children.run(fetch([name]), copy, get_run_logger().info)
            if result.status != 0:
                raise TryAgain(f"what pool {POOL} made could not be taken: {cause(result)}")
            for out in entry["outs"]:
                target = folder / out["path"]  # DVC has removed what was there
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(copy / out["path"], target)


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
def run_stage(name: str, run: TaskRun) -> State[Any]:
    """Run one stage through DVC, which decides whether there is anything to do."""
    outcome = run.attempt(name)
    if outcome.error:
        message = run.message(name, outcome)
        get_run_logger().error("\n".join([message, *run.here.last_lines.get(name, [])]))
        return failed_state(outcome.error, message)
    return Completed(message=f"{outcome.how}, {outcome.seconds:.0f} s, {run.where[name]}")
