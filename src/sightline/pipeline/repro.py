"""`sightline repro`: what `dvc repro --keep-going` does, as parallel as the machine allows.

Each stage gets a thread, and a person sees what happens (`view`); the rest is any run's (`run`).
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from sightline.errors import SightlineError, TryAgain
from sightline.host import locks
from sightline.layout import Layout
from sightline.pipeline import engine, lockfile
from sightline.pipeline.run import Run
from sightline.pipeline.schedule import Outcome, Schedule
from sightline.pipeline.stage_commands import Main, StageCommands
from sightline.pipeline.view import View
from sightline.settings.params import Params


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
    view, owner = View(), "sightline repro"
    with contextlib.ExitStack() as stack:
        stack.callback(view.close)
        stack.enter_context(locks.workspace_lock(layout.own_state.locks, owner, wait, view.note))
        for note in lockfile.heal(layout.root):
            view.note(note)
        commands = stack.enter_context(StageCommands(layout, settings, view, main))
        dvc = stack.enter_context(engine.opened(layout.root, commands.run, view.note))
        devices = len(commands.devices)
        run = Run(layout.root, settings, dvc, dvc.plan(targets), slots, devices)

        def start(name: str) -> None:
            view.started(name)
            work = partial(_bring_up_to_date, run, name, force)
            threading.Thread(target=work, daemon=True).start()

        view.begin(run.schedule)
        with _ended_by_signals(run.schedule, commands, view) as signals:
            run.to_the_end(start, view.ended)
        view.summary(run.outcomes, run.schedule.skipped, time.monotonic() - began)
    if signals:
        raise SightlineError("ended early; the same command goes on where this one stopped")
    _raise_failures(run.outcomes)


def _bring_up_to_date(run: Run, name: str, force: bool) -> None:
    run.ended(name, run.bring_up_to_date(name, force))


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


def _raise_failures(outcomes: dict[str, Outcome]) -> None:
    failures = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    if not failures:
        return
    lines = [f"{name}: {error}" for name, error in failures.items()]
    lines.append(f"when that is mended: sightline repro {' '.join(failures)}")
    passes = all(isinstance(error, TryAgain) for error in failures.values())
    raise (TryAgain if passes else SightlineError)("\n".join(lines))
