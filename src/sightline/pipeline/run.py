"""One run over the stages of a workspace, whoever asked for it: a terminal or a flow.

DVC alone decides what is stale and keeps what was made (`engine`); `schedule` says what may start;
whoever runs it says how a stage is started, and is told what became of it.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sightline.errors import SightlineError
from sightline.files import read_json, write_json
from sightline.host.processors import cores
from sightline.layout import Layout
from sightline.pipeline import engine
from sightline.pipeline.engine import Engine
from sightline.pipeline.graph import Stage
from sightline.pipeline.schedule import Outcome, Room, Schedule
from sightline.pipeline.stage_commands import ON_GPUS
from sightline.settings.params import Params

# seconds that a stage lasts, as a first guess, before this machine has run it
GUESS = {"download": 6, "preprocess": 2, "train": 10, "evaluate": 4, "insight": 5, "export": 2}


class Run:
    """The stages of one run. What became of each stands in `outcomes` when it has ended.

    `slots`: stages at once, by default flows.cpu_slots, or a core each; `devices`: the GPUs. With
    `elsewhere` trainings go to other machines, and take no room here.
    """

    def __init__(
        self,
        root: Path,
        settings: Params,
        dvc: Engine,
        stages: Mapping[str, Stage],
        slots: int | None = None,
        devices: int = 0,
        elsewhere: bool = False,
    ) -> None:
        self.dvc = dvc
        self._layout = Layout(root)
        room = Room(slots or settings.flows.cpu_slots or cores(), devices)
        self.training = room_for_training(settings, room)
        needs = {kind: Room(1, min(1, devices)) for kind in ON_GPUS}
        needs["train"] = Room(0) if elsewhere else self.training
        self._seconds = expected_seconds(self._layout, stages)
        self.schedule = Schedule(
            {name: stage.upstream for name, stage in stages.items()},
            {name: needs.get(stage.kind, Room(1)) for name, stage in stages.items()},
            room,
            self._seconds,
        )
        self._heard: queue.SimpleQueue[tuple[str, Outcome | Room]] = queue.SimpleQueue()
        self._put_back: dict[str, threading.Event] = {}
        self._over = False
        self.outcomes: dict[str, Outcome] = {}

    def to_the_end(
        self, start: Callable[[str], None], on_end: Callable[[str, Outcome], None]
    ) -> None:
        """Call `start` for each stage whose turn has come, until all have ended.

        It must return at once, and `ended` must be called, from any thread, when the stage has.
        """
        try:
            while not self.schedule.finished:
                for name in self.schedule.start():
                    if name in self._put_back:
                        self._put_back.pop(name).set()
                    else:
                        start(name)
                if not self.schedule.running:
                    break
                name, what = self._heard.get()
                if isinstance(what, Room):
                    self.schedule.put_back(name, what)
                    continue
                self.outcomes[name] = what
                self.schedule.end(name, succeeded=what.error is None)
                on_end(name, what)
        finally:  # a cancel ends it too: a thread that waits would keep the process alive
            self._over = True
            for event in list(self._put_back.values()):
                event.set()
        _remember(self._layout, self._seconds, self.outcomes)

    def ended(self, name: str, outcome: Outcome) -> None:
        """Tell the run what became of a stage."""
        self._heard.put((name, outcome))

    def wait_for_room_to_train(self, name: str) -> None:
        """Let a training that was meant for another machine wait until it has room here.

        Raises SightlineError if the run ends before that.
        """
        event = self._put_back[name] = threading.Event()
        self._heard.put((name, self.training))
        if not self._over:
            event.wait()
        if self._over:
            raise SightlineError("not started: the run is ending")

    def bring_up_to_date(self, name: str, force: bool = False) -> Outcome:
        """Run one stage if DVC finds it stale; its error, whatever it is, stands in the outcome."""
        began, how, error = time.monotonic(), "failed", None
        try:
            how = self.dvc.reproduce(name, force)
        except SightlineError as failure:
            error = failure
        except Exception as failure:  # whatever it is, the run must not pass for done
            error = SightlineError(f"{type(failure).__name__}: {failure}")
        return Outcome(how, time.monotonic() - began, error)


def room_for_training(settings: Params, room: Room) -> Room:
    """Return what a training takes while it runs: its threads, or its GPUs."""
    processes = settings.compute.processes
    if room.gpus:
        return Room(1, min(processes, room.gpus))
    # at most what there is: a training that needs more runs alone
    return Room(min(processes * settings.compute.threads, room.cpus))


def expected_seconds(layout: Layout, stages: Mapping[str, Stage]) -> dict[str, float]:
    """Return how long each stage is expected to last: what it took last time, or a guess."""
    last = {}
    if layout.own_state.stage_seconds.exists():
        with contextlib.suppress(SightlineError):
            last = read_json(layout.own_state.stage_seconds, "it is made anew")
    return {name: float(last.get(name, GUESS.get(stage.kind, 5))) for name, stage in stages.items()}


def _remember(layout: Layout, expected: dict[str, float], outcomes: dict[str, Outcome]) -> None:
    took = {n: round(o.seconds, 1) for n, o in outcomes.items() if o.how == engine.RAN}
    if took:
        write_json(layout.own_state.stage_seconds, expected | took)
