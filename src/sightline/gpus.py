"""Which CUDA devices this machine has, and a machine-wide lock on each: a GPU trains one model."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sightline import machine
from sightline.errors import SightlineError, TryAgain


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
def some_of(
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
    `machine.locks()`). Raises SightlineError where there are fewer than `count`, TryAgain when the
    wait is over.
    """
    from filelock import FileLock, Timeout

    if not devices:
        yield {}
        return
    if len(devices) < count:
        raise SightlineError(
            f"compute.processes is {count}, one GPU each, and this machine shows {len(devices)}: "
            "lower it, or set compute.device to cpu"
        )
    folder = folder or machine.locks()
    locks = {d: FileLock(folder / f"sightline-gpu-{d}.lock", mode=0o666) for d in devices}
    end, said = time.monotonic() + wait, False
    while True:
        with contextlib.ExitStack() as held:
            chosen = []
            for device, lock in locks.items():
                if len(chosen) < count:
                    with contextlib.suppress(Timeout):
                        held.enter_context(lock.acquire(timeout=0))
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
        if not said:
            on_wait(f"{few}: waiting for {count}, at most {wait:.0f} s")
            said = True
        time.sleep(1.0)
