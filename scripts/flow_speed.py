"""How long `reproduce` takes beside plain `dvc repro`, everything run anew, in turns.

    python scripts/flow_speed.py --rounds 2 train@mnist-cnn train@mnist-lstm

In a clone of its own of the last commit, with `compute.threads: 1` (single-threaded stages), and a
Prefect server of its own. Prints a line a round: seconds of wall and of processor time, load.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))


def main() -> None:
    """Make the clone, start the server, take turns."""
    from toy_project import Server, free_port

    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rounds", type=int, default=1, help="turns of each")
    options.add_argument("targets", nargs="*", help="stages or kinds; everything if left out")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="flow-speed-") as folder:
        clone = Path(folder) / "sightline"
        subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
        params = clone / "params.yaml"
        params.write_text(re.sub(r"threads: \d+", "threads: 1", params.read_text(), count=1))
        server = Server(Path(folder) / "prefect", free_port())
        server.start()
        env = server.env | {"PYTHONPATH": str(clone / "src")}
        try:
            for _ in range(arguments.rounds):
                measure("dvc repro", ["dvc", "repro", "--force", *arguments.targets], clone, env)
                code = "from flows.reproduce import reproduce; import sys;"
                code += "reproduce(sys.argv[1:], force=True)"
                measure("reproduce", [sys.executable, "-c", code, *arguments.targets], clone, env)
        finally:
            server.stop()


def measure(name: str, command: list[str], clone: Path, env: dict[str, str]) -> None:
    """Run one of the two and print what it took."""
    load, began, before = os.getloadavg()[0], time.monotonic(), os.times()
    done = subprocess.run(command, cwd=clone, env=env, capture_output=True, text=True)
    wall, after = time.monotonic() - began, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    if done.returncode != 0:
        sys.exit(f"{name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    print(
        f"{name}: {wall:.0f} s of wall, {cpu:.0f} s of processor time, "
        f"load {load:.1f} before and {os.getloadavg()[0]:.1f} after",
        flush=True,
    )


if __name__ == "__main__":
    main()
