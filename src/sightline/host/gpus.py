"""Which CUDA devices this machine has, and a machine-wide lock on each: a GPU trains one model."""

import contextlib
import logging
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sightline.errors import SightlineError, TryAgain
from sightline.host import locks

logger = logging.getLogger(__name__)

_PATIENCE = 10.0  # seconds for an answer of nvidia-smi


def visible() -> list[str]:
    """Return the CUDA devices that a training may use, by their indices in `nvidia-smi`.

    All of the driver's, or those in CUDA_VISIBLE_DEVICES, read as CUDA does: indices, UUIDs or
    beginnings of UUIDs; the list ends before the first that does not exist, and a device named
    twice leaves none. A MIG device keeps the name that it has there. Asks `nvidia-smi`, because
    importing torch takes seconds. Where that program is missing the list is empty; where it fails,
    too, after a warning.
    """
    devices = dict(re.findall(r"^(\d+), (GPU-\S+)$", _nvidia_smi(), re.MULTILINE))
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not devices:
        return list(devices)
    named: list[str] = []
    for entry in map(str.strip, chosen.split(",")):
        device = _device(entry, devices)
        if device is None:
            break
        if device in named:
            return []
        named.append(device)
    return named


def _nvidia_smi() -> str:
    """Return a line `INDEX, UUID` for each GPU; none, after a warning, where nvidia-smi fails."""
    command = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except FileNotFoundError:
        return ""
    except OSError as error:
        logger.warning("nvidia-smi cannot be started, so no GPU is used: %s", error)
        return ""
    try:
        answer, _ = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()  # not waited for: a driver that hangs may hold it even then
        logger.warning(
            "nvidia-smi does not answer within %.0f s, so no GPU is used: look at the driver",
            _PATIENCE,
        )
        return ""
    if process.returncode != 0:
        logger.warning(
            "nvidia-smi ends with status %d, so no GPU is used: %s",
            process.returncode,
            " ".join(answer.split()) or "it says nothing",
        )
        return ""
    return answer


def _device(entry: str, devices: dict[str, str]) -> str | None:
    """Return the device that an entry of CUDA_VISIBLE_DEVICES names; None if there is none."""
    if entry in devices or entry.startswith("MIG-"):  # nvidia-smi lists no parts of GPUs
        return entry
    matches = [index for index, uuid in devices.items() if uuid.startswith(entry)]
    return matches[0] if entry.startswith("GPU-") and len(matches) == 1 else None


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

    Yields the environment that shows a program these devices alone, an empty one where `devices` is
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
                # nvidia-smi counts in the order of the bus, CUDA by itself the fastest first
                yield {
                    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                    "CUDA_VISIBLE_DEVICES": ",".join(chosen),
                }
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
