"""What a person is told when a stage, or another command, failed."""

import re
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Failed

from sightline.errors import TRY_AGAIN, SightlineError, TryAgain
from sightline.host.processes import Result
from sightline.pipeline import stage_commands
from sightline.pipeline.stage_commands import TimedOut

TRY_AGAIN_STATE = "TryAgain"  # the name of a failed state that is worth a retry
_LOCKED = ("Unable to acquire lock", "is busy, it is being blocked by")
_ADVICE = ("To track the changes with git", "To enable auto staging", "Use `dvc push`", "\tgit add")
_EXITED = re.compile(r": failed to run: .*, exited with (-?\d+)$")
_ADVICE += ("\tdvc config core.autostage",)


def is_advice(line: str) -> bool:
    """Whether DVC tells a person at a terminal what to type next, which no flow has a use for."""
    return line.startswith(_ADVICE)


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

    Where a stage failed, DVC sums that up in a line that ends with the stage's exit status.
    """
    lines = [line for line in result.tail if not line.startswith(">") and not _summary(line)]
    exits = [int(match[1]) for line in result.tail if (match := _EXITED.search(line))]
    return stage_commands.cause(exits[-1] if exits else result.status, lines)


def _summary(line: str) -> bool:
    return line.startswith("ERROR: failed to reproduce") and ": failed to run: " in line
