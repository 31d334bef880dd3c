"""Start a program in another environment, and say in a line how it failed."""

import os
import sys
from pathlib import Path

from sightline.host.processes import Children

INSTALL = 1200  # seconds for an installation
# nothing of this project's environment is seen from another one, and nothing reports to anybody
OWN = str(Path(sys.executable).parent)
CLEAN = {
    "PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if p != OWN),
    "PIP_NO_INDEX": "1",  # a package that installs others as it is imported (MNN's converter does)
    "PYTHONPATH": "",
    "VIRTUAL_ENV": "",
    "OMP_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Missing(Exception):
    """What a runtime needs and the machine lacks, as a line."""


class Ended(Exception):
    """How a program ended before its time, as a line."""


def run(command: list[str], folder: Path, seconds: float = INSTALL) -> list[str]:
    """Run a program to its end; return its last lines.

    Raises Ended where it fails, is killed, or has not ended after `seconds`.
    """
    with Children() as children:
        done = children.run(command, folder, lambda line: None, seconds, CLEAN)
    if done.timed_out:
        raise Ended(f"no answer within {seconds:.0f} s")
    if done.status < 0:
        raise Ended(f"the process ended by signal {-done.status}")
    if done.status > 0:
        raise Ended(f"status {done.status}: {done.tail[-1] if done.tail else 'without a word'}")
    return done.tail
