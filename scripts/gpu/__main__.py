"""All that the project claims about GPUs, measured on this machine's in at most 8 minutes.

    make gpu                  # on a machine with a GPU and the environment of `make env`
    make gpu-bundle           # for a machine without network, with torch and little else

The parts run one after the other, each in a process of its own that ends at its time limit. After
each part the results are written anew, as gpu.json and as gpu.md, a table for docs/results.md, so
that what was measured stays if the machine goes away. `--rehearse` takes the same steps on the CPU
with tiny networks and little data: its figures say nothing, and the table says so.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PACKAGES = PROJECT / "gpu-packages"  # of a bundle: what this machine's Python lacks

LIMITS = {  # seconds of each part; those that may be cut come last
    "machine": 30,
    "resume": 60,
    "memory": 30,
    "tests": 120,
    "steps": 150,
    "cifar10": 150,
    "onnxruntime": 30,
}
TOTAL = 470.0  # seconds
PATIENCE = 600.0  # seconds for each part of a rehearsal: it measures nothing


def main() -> int:
    """Run the parts; return 1 if any of them failed, and 2 where none can run."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rehearse", action="store_true", help="on the CPU, tiny")
    options.add_argument("--parts", nargs="+", choices=LIMITS, default=list(LIMITS))
    options.add_argument("--out", type=Path, default=PROJECT / ".sightline" / "gpu")
    arguments = options.parse_args()
    import torch

    if not arguments.rehearse and not torch.cuda.is_available():
        print(
            "gpu: torch sees no CUDA device here: run this on a machine that has one, or try its "
            "steps on the CPU with --rehearse",
            file=sys.stderr,
        )
        return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    begun, results = time.monotonic(), {"rehearsal": arguments.rehearse, "parts": {}}
    for part in arguments.parts:
        limit = min(LIMITS[part], TOTAL - (time.monotonic() - begun))
        if arguments.rehearse:
            limit = PATIENCE
        print(f"{part} ...", flush=True)
        results["parts"][part] = run(part, limit, arguments.rehearse, arguments.out)
        write(results, arguments.out)
    print(f"\n{(arguments.out / 'gpu.md').read_text()}\n{arguments.out / 'gpu.md'}")
    return int(any("failed" in result for result in results["parts"].values()))


def run(part: str, limit: float, rehearse: bool, out: Path) -> dict:
    """Run one part; return its seconds and its figures, why it was left out, or how it failed."""
    answer = out / f"{part}.json"
    answer.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "parts.py"), part, str(answer)]
    folders = (PROJECT, *(PROJECT / f for f in ("src", "tests", "scripts")), PACKAGES)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    begun = time.monotonic()
    if limit <= 0:
        return {"seconds": 0, "failed": f"the {TOTAL:.0f} seconds of all parts were over"}
    with (out / f"{part}.log").open("w") as log:
        try:
            status = subprocess.run(
                command + ["--rehearse"] * rehearse,
                **{"env": env, "cwd": PROJECT, "stdout": log, "stderr": log, "timeout": limit},
            ).returncode
        except subprocess.TimeoutExpired:
            status = None
    result = {"seconds": round(time.monotonic() - begun, 1)}
    if answer.exists():
        result |= json.loads(answer.read_text())
    if status == 0:
        return result
    last = (out / f"{part}.log").read_text().strip().splitlines()[-1:] or ["it printed nothing"]
    cut = f"cut off after {limit:.0f} s" if status is None else f"status {status}"
    return result | {"failed": f"{cut}: {last[0]}"}


def write(results: dict, out: Path) -> None:
    """Write gpu.json and gpu.md."""
    (out / "gpu.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = ["| part | what | figure |", "| --- | --- | ---: |"]
    if results["rehearsal"]:
        lines[:0] = ["**A rehearsal on the CPU, with tiny networks: no figure says anything.**", ""]
    for part, result in results["parts"].items():
        lines += [f"| {part} | {what} | {figure} |" for what, figure in result.get("figures", [])]
        for key in ("left out", "failed"):
            lines += [f"| {part} | {key} | {result[key]} |"] if key in result else []
        lines.append(f"| {part} | seconds of this part | {result['seconds']} |")
    (out / "gpu.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
