"""`sightline repro`: what `dvc repro --keep-going` does, as parallel as the machine allows.

DVC alone decides what is stale and keeps what was made (`engine`); `schedule` says what may start;
`stage_commands` runs it; here each stage gets a thread, and a person sees what happens (`view`).
"""

import contextlib
import queue
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from sightline.errors import SightlineError, TryAgain
from sightline.files import read_json, write_json
from sightline.host import locks
from sightline.host.processors import cores
from sightline.layout import Layout
from sightline.pipeline import engine, lockfile
from sightline.pipeline.engine import Engine
from sightline.pipeline.graph import Stage
from sightline.pipeline.schedule import Outcome, Room, Schedule
from sightline.pipeline.stage_commands import Main, StageCommands
from sightline.pipeline.view import View
from sightline.settings.params import Params

# seconds that a stage lasts, as a first guess, before this machine has run it
GUESS = {"download": 6, "preprocess": 2, "train": 10, "evaluate": 4, "insight": 5, "export": 2}


def repro(
    root: Path,
    settings: Params,
    targets: Iterable[str] = (),
    slots: int | None = None,
    force: bool = False,
    main: Main | None = None,
) -> None:
    """Bring `targets` (stages or kinds of stage; all if empty) up to date.

    `slots`: stages at once, by default flows.cpu_slots, or a core each. `main`: see StageCommands.
    Raises SightlineError when all is done, if a stage failed; TryAgain if only causes that pass by
    themselves were in the way.
    """
    layout, wait, began = Layout(root.resolve()), settings.flows.lock_wait, time.monotonic()
    view = View()
    with contextlib.ExitStack() as stack:
        stack.callback(view.close)
        owner = "sightline repro"
        stack.enter_context(locks.workspace_lock(layout.own_state.locks, owner, wait, view.note))
        for note in lockfile.heal(layout.root):
            view.note(note)
        commands = StageCommands(layout, settings, view, main)
        stack.callback(commands.end)
        dvc = stack.enter_context(engine.opened(layout.root, commands.run, view.note))
        plan = dvc.plan(targets)
        room = Room(slots or settings.flows.cpu_slots or cores(), len(commands.devices))
        seconds = _expected(layout, plan)
        schedule = Schedule(
            {name: stage.upstream for name, stage in plan.items()},
            {name: _needs(stage, settings, room) for name, stage in plan.items()},
            room,
            seconds,
        )
        view.begin(schedule)
        with _ended_by_signals(schedule, commands, view) as signals:
            outcomes = _run(dvc, schedule, force, view)
        _remember(layout, seconds, outcomes)
        view.summary(outcomes, schedule.skipped, time.monotonic() - began)
    if signals:
        raise SightlineError("ended early; the same command goes on where this one stopped")
    _raise_failures(outcomes)


def _run(dvc: Engine, schedule: Schedule, force: bool, view: View) -> dict[str, Outcome]:
    """Run every stage of the schedule; return what became of each that was started."""
    ended: queue.SimpleQueue[tuple[str, Outcome]] = queue.SimpleQueue()

    def bring_up_to_date(name: str) -> None:
        began = time.monotonic()
        how, error = "failed", None
        try:
            how = dvc.reproduce(name, force)
        except SightlineError as failure:
            error = failure
        except Exception as failure:  # whatever it is, the run must not pass for done
            error = SightlineError(f"{type(failure).__name__}: {failure}")
        ended.put((name, Outcome(how, time.monotonic() - began, error)))

    outcomes = {}
    while not schedule.finished:
        for name in schedule.start():
            view.started(name)
            threading.Thread(target=bring_up_to_date, args=(name,), daemon=True).start()
        if not schedule.running:
            break
        name, outcome = ended.get()
        outcomes[name] = outcome
        schedule.end(name, succeeded=outcome.error is None)
        view.ended(name, outcome)
    return outcomes


@contextlib.contextmanager
def _ended_by_signals(
    schedule: Schedule, commands: StageCommands, view: View
) -> Iterator[list[int]]:
    """Ctrl-C once: what runs is asked to end, nothing more starts; twice: it is killed.

    Gives the list of signals that came.
    """
    signals: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        signals.append(number)
        schedule.stop()
        grace = (5.0,) if len(signals) == 1 else (0.0,)
        threading.Thread(target=commands.end, args=grace, daemon=True).start()
        if len(signals) == 1:
            view.note("ending: what is done is kept; once more to kill what still runs")

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in handled}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _needs(stage: Stage, settings: Params, room: Room) -> Room:
    """Return what a stage takes while it runs: a training its threads, or its GPUs."""
    if stage.kind != "train":
        return Room(1)
    processes = settings.compute.processes
    if room.gpus:
        return Room(1, min(processes, room.gpus))
    # at most what there is: a training that needs more runs alone
    return Room(min(processes * settings.compute.threads, room.cpus))


def _expected(layout: Layout, plan: dict[str, Stage]) -> dict[str, float]:
    """Return how long each stage is expected to last: what it took last time, or a guess."""
    last = {}
    if layout.own_state.stage_seconds.exists():
        with contextlib.suppress(SightlineError):
            last = read_json(layout.own_state.stage_seconds, "it is made anew")
    return {name: float(last.get(name, GUESS.get(stage.kind, 5))) for name, stage in plan.items()}


def _remember(layout: Layout, expected: dict[str, float], outcomes: dict[str, Outcome]) -> None:
    took = {n: round(o.seconds, 1) for n, o in outcomes.items() if o.how == engine.RAN}
    if took:
        write_json(layout.own_state.stage_seconds, expected | took)


def _raise_failures(outcomes: dict[str, Outcome]) -> None:
    failures = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    if not failures:
        return
    lines = [f"{name}: {error}" for name, error in failures.items()]
    lines.append(f"when that is mended: sightline repro {' '.join(failures)}")
    passes = all(isinstance(error, TryAgain) for error in failures.values())
    raise (TryAgain if passes else SightlineError)("\n".join(lines))
