"""What a figure was measured on, and beside what: machine, versions, how busy others were."""

import hashlib
import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from sightline.host import gpus, processors

# what decides speed and bits; a new one is a reason to measure again
PACKAGES = ("sightline", "onnxruntime", "onnxruntime-gpu", "onnx", "torch", "numpy")

# seconds since an arbitrary start: by the clock, busy on all cores, busy with us
Reading = tuple[float, float, float]


def machine() -> dict[str, Any]:
    """Return the hardware that this process may use, and `id`, equal for equal hardware."""
    hardware = {
        "processor": processors.processor(),
        "flags": processors.flags(),
        "cores": processors.cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "gpus": _gpus(),
    }
    return {"id": digest(hardware)[:8], **hardware}


def versions() -> dict[str, str]:
    """Return the versions of what computes; a package that is not installed is not in it."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed


def digest(value: object) -> str:
    """Return the SHA-256 of a value as sorted JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Load:
    """How busy the machine is with others: seen for a moment before, and over the measurement."""

    def __init__(self, moment: float = 0.5):
        self._cores = psutil.cpu_count() or 1
        start = self._reading()
        time.sleep(moment)
        self._start = self._reading()
        self.time = datetime.now(UTC).isoformat(timespec="seconds")
        self._before = {"load": _load_average(), "others": self._others(start, self._start)}

    def result(self) -> dict[str, float]:
        """Return the load averages of a minute before and after, and the share of all cores that
        others used before and during the measurement.
        """
        during = self._others(self._start, self._reading())
        return {
            "load_before": self._before["load"],
            "load_after": _load_average(),
            "others_before": self._before["others"],
            "others_during": during,
        }

    def _reading(self) -> Reading:
        times, own = psutil.cpu_times(), os.times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return time.monotonic(), sum(times) - idle - counted_twice, sum(own[:4])

    def _others(self, start: Reading, end: Reading) -> float:
        clock, busy, own = (b - a for a, b in zip(start, end, strict=True))
        return round(max(0.0, busy - own) / (clock * self._cores), 3)


def _load_average() -> float:
    return round(os.getloadavg()[0], 2)


def _gpus() -> list[str]:
    """Return the names of the CUDA devices that there are."""
    if not gpus.visible():
        return []
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
