"""Which stages may start now: in the order of what waits for them, as far as there is room."""

from collections.abc import Mapping
from dataclasses import dataclass

from sightline.errors import SightlineError


@dataclass(frozen=True)
class Room:
    """Slots of processors, and GPUs: what a machine has, or what a stage takes."""

    cpus: int
    gpus: int = 0

    def fits(self, free: "Room") -> bool:
        """Whether this much is free."""
        return self.cpus <= free.cpus and self.gpus <= free.gpus

    def __add__(self, other: "Room") -> "Room":
        return Room(self.cpus + other.cpus, self.gpus + other.gpus)

    def __sub__(self, other: "Room") -> "Room":
        return Room(self.cpus - other.cpus, self.gpus - other.gpus)


@dataclass(frozen=True)
class Outcome:
    """What became of one stage, and in how many seconds."""

    how: str
    seconds: float
    error: SightlineError | None = None


class Schedule:
    """The stages of one run: what waits, what runs, what ended.

    `upstream` names what each stage waits for, in the order of a serial run; `needs` what it takes;
    `seconds` what it is expected to last. Of the stages that are ready, the one with the longest
    way to the end of all starts first. One that does not fit keeps its place: none behind it may
    take what it waits for.
    """

    def __init__(
        self,
        upstream: Mapping[str, tuple[str, ...]],
        needs: Mapping[str, Room],
        capacity: Room,
        seconds: Mapping[str, float],
    ):
        self._upstream = {
            name: tuple(other for other in others if other in upstream)
            for name, others in upstream.items()
        }
        self._needs, self._capacity = dict(needs), capacity
        self._seconds = seconds
        self._longest_way = _longest_ways(self._upstream, seconds)
        self.waiting = list(upstream)
        self.running: set[str] = set()
        self.succeeded: set[str] = set()
        self.failed: list[str] = []
        self.skipped: list[str] = []

    @property
    def finished(self) -> bool:
        """Whether nothing runs and nothing can start any more."""
        return not self.running and not self.waiting

    def start(self) -> list[str]:
        """Return the stages that start now, and count them as running."""
        free = self._capacity
        for name in self.running:
            free -= self._needs[name]
        ready = [name for name in self.waiting if self.succeeded.issuperset(self._upstream[name])]
        started = []
        for name in sorted(ready, key=self._longest_way.__getitem__, reverse=True):
            if not self._needs[name].fits(free):
                break
            free -= self._needs[name]
            started.append(name)
        for name in started:
            self.waiting.remove(name)
            self.running.add(name)
        return started

    def end(self, name: str, succeeded: bool) -> None:
        """Count a stage as ended; one that failed takes those that need it with it."""
        self.running.remove(name)
        if succeeded:
            self.succeeded.add(name)
            return
        self.failed.append(name)
        lost = {name}
        for other in list(self.waiting):
            if not lost.isdisjoint(self._upstream[other]):
                lost.add(other)
                self.waiting.remove(other)
                self.skipped.append(other)

    def put_back(self, name: str, needs: Room) -> None:
        """Let a stage that runs wait again: it needs other room than it was started with."""
        self.running.remove(name)
        self.waiting.append(name)
        self._needs[name] = needs

    def stop(self) -> None:
        """Start nothing more."""
        self.skipped += self.waiting
        self.waiting = []

    def seconds_left(self, elapsed: Mapping[str, float]) -> float:
        """Return an estimate of the time to the end; `elapsed` is how long each stage runs already.

        The larger of two bounds: the work that is left, spread over the slots, and the longest way.
        """
        left = {name: self._seconds[name] for name in self.waiting}
        for name in self.running:
            left[name] = max(0.0, self._seconds[name] - elapsed.get(name, 0.0))
        work = sum(
            seconds * max(self._needs[name].cpus, 1) / self._capacity.cpus
            for name, seconds in left.items()
        )
        return max(work, max((self._longest_way[name] for name in self.waiting), default=0.0))


def _longest_ways(
    upstream: Mapping[str, tuple[str, ...]], seconds: Mapping[str, float]
) -> dict[str, float]:
    """Return for each stage the seconds from its start to the end of what waits for it."""
    ways: dict[str, float] = {}
    downstream: dict[str, list[str]] = {name: [] for name in upstream}
    for name, others in upstream.items():
        for other in others:
            downstream[other].append(name)
    for name in reversed(list(upstream)):  # a serial order: what waits for a stage stands behind it
        ways[name] = seconds[name] + max((ways[other] for other in downstream[name]), default=0.0)
    return ways


def simulate(
    upstream: Mapping[str, tuple[str, ...]],
    needs: Mapping[str, Room],
    capacity: Room,
    seconds: Mapping[str, float],
) -> float:
    """Return the seconds that a run would take if every stage lasted exactly as expected."""
    schedule = Schedule(upstream, needs, capacity, seconds)
    ends: dict[str, float] = {}
    now = 0.0
    while not schedule.finished:
        ends |= {name: now + seconds[name] for name in schedule.start()}
        name = min(ends, key=ends.__getitem__)
        now = ends.pop(name)
        schedule.end(name, succeeded=True)
    return now
