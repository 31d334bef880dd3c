"""Memory of a process that runs for long: what is freed goes back to the system."""

import ctypes

_M_MMAP_THRESHOLD = -3  # glibc's malloc.h
_LARGE = 1 << 20  # bytes


def return_large_blocks() -> None:
    """Have glibc give each block of 1 MiB or more back when it is freed; elsewhere do nothing.

    Left alone, glibc raises its threshold to 32 MiB as blocks are freed, and the pixels of large
    images leave holes in the heap of every thread. To be called before threads start.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # macOS has none
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
