"""How long the ways of running the pipeline take, from nothing, in turns.

    python scripts/run_speed.py --rounds 3
    python scripts/run_speed.py --ways repro reproduce -- mnist-cnn

In a clone of its own of the last commit, whose outputs, cache, store and dvc.lock are deleted
before each run, and with a Prefect server of its own. Prints a line a run: seconds of wall, and of
processor time of the whole machine, because stages that are forked belong to no one's children.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]
MADE = (
    *("data/raw", "data/processed", "data/code", "data/sources"),
    *("trained", "models", "reports", "logged"),
    *(".dvc/cache", ".dvc/tmp", ".sightline", "dvc.lock"),
)
WAYS = {
    "repro": ["sightline", "repro"],
    "reproduce": [
        *(sys.executable, "-c"),
        "from flows.reproduce import reproduce; import sys; reproduce(sys.argv[1:])",
    ],
    "dvc": ["dvc", "repro"],
}


def main() -> None:
    """Make the clone, start the server, take turns."""
    from toy_project import Server, free_port

    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rounds", type=int, default=1, help="turns of each")
    options.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    options.add_argument("targets", nargs="*", help="stages or kinds; everything if left out")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="run-speed-") as folder:
        clone = Path(folder) / "sightline"
        subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
        server = Server(Path(folder) / "prefect", free_port())
        server.start()
        env = server.env | {"PYTHONPATH": str(clone / "src")}
        try:
            for _ in range(arguments.rounds):
                for way in arguments.ways:
                    measure(way, [*WAYS[way], *arguments.targets], clone, env)
        finally:
            server.stop()


def measure(way: str, command: list[str], clone: Path, env: dict[str, str]) -> None:
    """Run the pipeline one way, from nothing, and print what it took."""
    for path in MADE:
        target = clone / path
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    load, began, before = os.getloadavg()[0], time.monotonic(), busy()
    done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
    wall, cpu = time.monotonic() - began, busy() - before
    if done.returncode != 0:
        sys.exit(f"{way} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    print(
        f"{way}: {wall:.0f} s of wall, {cpu:.0f} s of processor time, "
        f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after",
        flush=True,
    )


def busy() -> float:
    """Return the seconds of processor time that this machine has spent on programs."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


if __name__ == "__main__":
    main()
