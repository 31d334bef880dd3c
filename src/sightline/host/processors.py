"""The processors of this machine: how many this process may use, and what they are."""

import os
import platform
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def cores() -> int:
    """Return how many cores this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):  # macOS has none
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
