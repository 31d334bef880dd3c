"""What a person sees of `sightline repro`: a live table in a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sightline.pipeline.schedule import Outcome, Schedule


class View:
    """Told of every event by any thread; in a terminal it shows what runs and what is left."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self._lock = threading.Lock()
        self._began: dict[str, float] = {}
        self._last_line: dict[str, str] = {}
        self._schedule: Schedule | None = None
        self._total = 0
        self._live: Live | None = None

    def begin(self, schedule: Schedule) -> None:
        """Start to show a run."""
        self._schedule, self._total = schedule, len(schedule.waiting)
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._table, console=self.console, refresh_per_second=4
            )
            self._live.start()

    def close(self) -> None:
        """Stop the live table; plain lines go on."""
        if self._live:
            self._live.stop()
            self._live = None

    def note(self, text: str) -> None:
        """Show a line."""
        self.console.print(escape(text))

    def started(self, name: str) -> None:
        """Show that a stage runs."""
        with self._lock:
            self._began[name] = time.monotonic()

    def line(self, name: str, text: str) -> None:
        """Show the last line that a stage has printed."""
        self._last_line[name] = text

    def ended(self, name: str, outcome: Outcome) -> None:
        """Show that a stage has ended; one that was up to date gets no line."""
        with self._lock:
            self._began.pop(name, None)
        line = f"{outcome.how:<9} {outcome.seconds:6.1f} s  {name}"
        if outcome.error:
            self.console.print(f"[red]{line}[/]: {escape(str(outcome.error))}")
        elif outcome.how != "up to date":
            self.console.print(line)

    def summary(self, outcomes: Mapping[str, Outcome], skipped: list[str], seconds: float) -> None:
        """Show how many stages ended how, and where the time went."""
        self.close()
        counts: dict[str, int] = {}
        kinds: dict[str, tuple[int, float]] = {}
        for name, outcome in outcomes.items():
            counts[outcome.how] = counts.get(outcome.how, 0) + 1
            if outcome.how != "up to date":
                count, total = kinds.get(name.partition("@")[0], (0, 0.0))
                kinds[name.partition("@")[0]] = (count + 1, total + outcome.seconds)
        if skipped:
            counts["not run"] = len(skipped)
        parts = ", ".join(f"{count} {how}" for how, count in counts.items())
        self.console.print(f"{len(outcomes) + len(skipped)} stages in {seconds:.1f} s: {parts}")
        if kinds:
            table = Table("stage", "count", "seconds", box=None, pad_edge=False)
            for kind, (count, total) in kinds.items():
                table.add_row(kind, str(count), f"{total:.1f}")
            self.console.print(table)

    def _table(self) -> Group:
        assert self._schedule is not None
        with self._lock:
            running = dict(self._began)
        now = time.monotonic()
        elapsed = {name: now - began for name, began in running.items()}
        table = Table(box=None, pad_edge=False, show_header=False)
        for name, seconds in elapsed.items():
            line = Text(self._last_line.get(name, ""), overflow="ellipsis", no_wrap=True)
            table.add_row(f"{seconds:5.0f} s", Text(name, style="bold"), line)
        done = len(self._schedule.succeeded) + len(self._schedule.failed)
        left = self._schedule.seconds_left(elapsed)
        return Group(table, Text(f"{done} of {self._total} stages, about {left:.0f} s left"))
