"""The processors of this machine: how many this process may use, and what they are."""

import contextlib
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def cores(system: Path = Path("/")) -> int:
    """Return how many cores this process may use, which may be fewer than the machine has.

    Its affinity and the CPU quota of its control groups decide; part of a core counts as one.
    `system` is where /proc and /sys lie.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.ceil(min([allowed or 1, *_quotas(system)])))


def _quotas(system: Path) -> Iterator[float]:
    """Yield the quota, in cores, of each control group around this process that has one."""
    try:
        memberships = (system / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # macOS has none
        return
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        # version 2 has no list of controllers
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = system / "sys/fs/cgroup" / ("cpu" if controllers else "")
        group = mount / path.lstrip("/")
        # a container may see a path of its host, of which nothing but the mount's root exists here
        for folder in (group, *group.parents):
            if folder.is_relative_to(mount):
                yield from _quota(folder, version=1 if controllers else 2)


def _quota(group: Path, version: int) -> Iterator[float]:
    """Yield the microseconds of CPU that a control group gets, over the period they are for."""
    with contextlib.suppress(OSError, ValueError):  # no such group; "max": no limit
        if version == 2:
            quota, period = map(int, (group / "cpu.max").read_text().split())
        else:
            quota = int((group / "cpu.cfs_quota_us").read_text())
            period = int((group / "cpu.cfs_period_us").read_text())
        if quota > 0:  # version 1 writes -1 for no limit
            yield quota / period


def processor() -> str:
    """Return the name of the processor."""
    fields = _fields()
    name = fields.get("model name") or fields.get("CPU implementer")
    return name or platform.processor() or platform.machine()


def flags() -> list[str]:
    """Return those of the processor's flags by which libraries choose their kernels."""
    fields = _fields()
    wanted = ("avx", "fma", "f16c", "amx", "sse4", "asimd", "sve", "bf16", "i8mm")
    names = fields.get("flags", fields.get("Features", "")).split()
    return sorted(flag for flag in names if flag.startswith(wanted))


def _fields() -> dict[str, str]:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}
