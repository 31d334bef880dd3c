"""What became of a stage, and what a person is told when it failed."""

import re
import signal
from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Failed

from sightline.errors import TRY_AGAIN, SightlineError, TryAgain
from sightline.host.processes import Result

TRY_AGAIN_STATE = "TryAgain"  # the name of a failed state that is worth a retry
# What DVC 3 says; tests/flows holds these words against the real dvc.
_DVC_OUTCOMES = {
    "Running stage": "ran",
    "is cached - skipping run": "restored",
    "didn't change": "up to date",
}
_LOCKED = ("Unable to acquire lock", "is busy, it is being blocked by")
_ADVICE = ("To track the changes with git", "To enable auto staging", "Use `dvc push`", "\tgit add")
_EXITED = re.compile(r": failed to run: .*, exited with (-?\d+)$")
_ADVICE += ("\tdvc config core.autostage",)


@dataclass(frozen=True)
class Outcome:
    """What became of one stage. `how`: ran, restored (from the run cache), up to date, failed."""

    how: str
    seconds: float
    where: str
    cause: str = ""


def outcome_in(line: str) -> str | None:
    """Return what DVC did with the stage, if this line tells: ran, restored, up to date."""
    return next((how for words, how in _DVC_OUTCOMES.items() if words in line), None)


def is_advice(line: str) -> bool:
    """Whether DVC tells a person at a terminal what to type next, which no flow has a use for."""
    return line.startswith(_ADVICE)


class TimedOut(SightlineError):
    """A stage ran past the limit of its kind."""


def failed_state(error: SightlineError, message: str = "") -> State[Any]:
    """Return the state that an error leaves, its line as the message."""
    names = {TryAgain: TRY_AGAIN_STATE, TimedOut: "TimedOut"}
    return Failed(name=names.get(type(error), "Failed"), message=message or str(error))


def stage_error(name: str, result: Result, limit: float | None) -> SightlineError:
    """Return why a stage failed, with its last lines; TryAgain if a retry may help."""
    if result.timed_out:
        return TimedOut(f"{name} ran past its {limit:.0f} s (flows.time_limits in params.yaml)")
    text = "\n".join(result.tail)
    may_pass = f"exited with {TRY_AGAIN}" in text or any(words in text for words in _LOCKED)
    return (TryAgain if may_pass else SightlineError)(f"{name}: {cause(result)}")


def cause(result: Result) -> str:
    """Return the line that says why: the stage's last error, or DVC's own, else the last line.

    Where a stage failed, DVC sums that up in a line that ends with the stage's exit status. What a
    signal ended had no time for a last word: its last line is no cause.
    """
    lines = [line for line in result.tail if not line.startswith(">") and not _summary(line)]
    errors = [line for line in lines if line.startswith(("sightline: ", "ERROR: "))] or lines
    exits = [int(match[1]) for line in result.tail if (match := _EXITED.search(line))]
    status = exits[-1] if exits else result.status
    number = -status if status < 0 else status - 128  # a shell counts from 128
    if errors is lines and number in set(signal.Signals):
        hint = ": the machine may be out of memory" if number == signal.SIGKILL else ""
        return f"ended by {signal.Signals(number).name}{hint}"
    return errors[-1] if errors else f"ended with status {result.status} and without a word"


def _summary(line: str) -> bool:
    return line.startswith("ERROR: failed to reproduce") and ": failed to run: " in line
