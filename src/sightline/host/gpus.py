"""Which CUDA devices this machine has, and a machine-wide lock on each: a GPU trains one model."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sightline.errors import SightlineError, TryAgain
from sightline.host import locks


def visible() -> list[str]:
    """Return the CUDA devices a training may use: CUDA_VISIBLE_DEVICES, or all that the driver has.

    Asks `nvidia-smi`, because importing torch takes seconds; an empty list where there is none.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shutil.which("nvidia-smi") is None:
        return []
    answer = subprocess.run(
        ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        return []
    if chosen is not None:
        return [device for device in chosen.split(",") if device.strip() not in ("", "-1")]
    return answer.stdout.split()


@contextlib.contextmanager
def hold(
    devices: list[str],
    count: int,
    wait: float,
    on_wait: Callable[[str], None],
    folder: Path | None = None,
) -> Iterator[dict[str, str]]:
    """Hold `count` of `devices` that no other training of this machine holds.

    Waits for them, at most `wait` seconds, and holds none meanwhile.

    Gives the environment that shows a program these devices alone, an empty one where `devices` is
    empty. The kernel frees the locks when their owner dies. `folder` holds the lock files (default:
    `locks.machine_folder()`). Raises SightlineError where there are fewer than `count`, TryAgain
    when the wait is over.
    """
    if not devices:
        yield {}
        return
    if len(devices) < count:
        raise SightlineError(
            f"compute.processes is {count}, one GPU each, and this machine shows {len(devices)}: "
            "lower it, or set compute.device to cpu"
        )
    folder = folder or locks.machine_folder()
    gpu_locks = {d: locks.shared(folder / f"sightline-gpu-{d}.lock") for d in devices}
    end, told = time.monotonic() + wait, False
    while True:
        with contextlib.ExitStack() as held:
            chosen = []
            for device, lock in gpu_locks.items():
                if len(chosen) < count and locks.try_acquire(lock):
                    held.callback(lock.release)
                    chosen.append(device)
            if len(chosen) == count:
                yield {"CUDA_VISIBLE_DEVICES": ",".join(chosen)}
                return
        # too few are given back at once: two that hold one each would wait for each other
        few = f"too few GPUs ({', '.join(devices)}) are free"
        if time.monotonic() >= end:
            raise TryAgain(
                f"{few}, for more than {wait:.0f} s: let other trainings finish or end them, then "
                "run this again (in params.yaml flows.time_limits.train is the patience, else "
                "flows.lock_wait)"
            )
        if not told:
            on_wait(f"{few}: waiting for {count}, at most {wait:.0f} s")
            told = True
        time.sleep(1.0)
