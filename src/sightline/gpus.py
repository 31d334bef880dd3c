"""Which CUDA devices this machine has, and a machine-wide lock on each: one training a GPU."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path


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
def one_of(
    devices: list[str], on_wait: Callable[[str], None], folder: Path | None = None
) -> Iterator[dict[str, str]]:
    """Hold one of `devices` that no other training of this machine holds; wait until one is free.

    Gives the environment that shows a program this device alone, an empty one where `devices` is
    empty. The kernel frees the lock when its owner dies. `folder` holds the lock files (default:
    the machine's temporary folder, the same for every workspace and user).
    """
    from filelock import FileLock, Timeout

    if not devices:
        yield {}
        return
    folder = folder or Path(tempfile.gettempdir())
    locks = {d: FileLock(folder / f"sightline-gpu-{d}.lock", mode=0o666) for d in devices}
    said = False
    while True:
        for device, lock in locks.items():
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield {"CUDA_VISIBLE_DEVICES": device}
            finally:
                lock.release()
            return
        if not said:
            on_wait(f"all GPUs ({', '.join(devices)}) train already: waiting for one")
            said = True
        time.sleep(1.0)
