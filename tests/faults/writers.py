"""Files that are written again and again by a process that is killed at any moment.

`python writers.py NAME FOLDER` writes without end; `killed` kills it and reads what is left.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

KILLS = 20  # times that each writer is killed


def checkpoint(folder: Path) -> None:
    """Write checkpoints of 4 MB."""
    import torch

    from sightline.training import checkpoint

    for number in range(10**9):
        state = {"number": number, "weights": torch.full((10**6,), float(number))}
        checkpoint.save(folder / "checkpoint.pt", state)
        _tell(folder)


def checkpoint_left(folder: Path) -> str:
    """Return what is wrong with the checkpoint."""
    from sightline.layout import Layout
    from sightline.training import checkpoint

    state = checkpoint.load(folder / "checkpoint.pt", Layout(folder).own_state)
    if state is None:
        return "damaged"
    return "" if (state["weights"] == state["number"]).all() else "mixed"


def measurements(folder: Path) -> None:
    """Write benchmark records, each with its raw timings beside it."""
    import numpy as np

    from sightline.benchmark import records
    from sightline.benchmark.scenarios import Timing
    from sightline.layout import Layout

    for number in range(10**9):
        timing = Timing(np.full(10**5, float(number)), np.full(10, 10**4))
        environment = {"time": f"2026-01-01T00:00:{number % 60:02}+00:00", "machine": {"id": "a"}}
        content = {"format": records.FORMAT, "model": {"name": "m"}, "environment": environment}
        records.write(Layout(folder), content, {"single": timing})
        _tell(folder)


def measurements_left(folder: Path) -> str:
    """Return what is wrong with the records: each must be whole, and have its timings."""
    from sightline.benchmark import records
    from sightline.layout import Layout

    layout = Layout(folder)
    for entry in records.read_all(layout, "m"):
        milliseconds = records.raw(layout, entry)["single"].milliseconds
        if not (milliseconds == milliseconds[0]).all():
            return "mixed"
    aside = layout.own_state.set_aside(folder / "any").parent
    return "a record was put aside" if any(aside.glob("*.damaged*")) else ""


def clone(folder: Path) -> None:
    """Make the nightly clone of a repository anew, or bring it up to date."""
    import shutil

    from sightline.pipeline.worktrees import refresh_clone

    root = folder / "root"
    for number in range(10**9):
        if number % 2:
            shutil.rmtree(root / ".sightline/clones/nightly")
        refresh_clone(root, root / ".sightline/clones/nightly")
        _tell(folder)


def clone_left(folder: Path) -> str:
    """Return what is wrong with the clone that the next run makes of what was left."""
    from sightline.pipeline.worktrees import git, refresh_clone

    root = folder / "root"
    nightly = root / ".sightline/clones/nightly"
    refresh_clone(root, nightly)
    same = git(nightly, "rev-parse", "HEAD") == git(root, "rev-parse", "HEAD")
    changed = git(nightly, "status", "--porcelain", "--untracked-files=no")
    return changed if same else "another commit"


WRITERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], str]]] = {
    "checkpoint": (checkpoint, checkpoint_left),
    "benchmark record": (measurements, measurements_left),
    "nightly clone": (clone, clone_left),
}


def _tell(folder: Path) -> None:
    (folder / "written").touch()


def killed(name: str, folder: Path, kills: int = KILLS) -> list[str]:
    """Kill a writer `kills` times, at moments drawn from a seed; return what was wrong after."""
    from toy_project import make_blank

    folder.mkdir(parents=True)
    if name == "nightly clone":
        make_blank(folder / "root")
    draws, faults = random.Random(0), []
    _, left = WRITERS[name]
    for _ in range(kills):
        (folder / "written").unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, __file__, name, str(folder)])
        while not (folder / "written").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(draws.uniform(0, 0.2))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended by itself"
        faults += filter(None, [left(folder)])
    return faults


if __name__ == "__main__":
    WRITERS[sys.argv[1]][0](Path(sys.argv[2]))
