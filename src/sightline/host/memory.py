"""What glibc does with memory that is freed; another C library keeps its own ways."""

import ctypes
import platform

# glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def return_large_blocks() -> None:
    """Have each block of 1 MiB or more given back to the system when it is freed.

    For a process that runs for long: left alone, glibc raises its threshold to 32 MiB as blocks are
    freed, and the pixels of large images leave holes in the heap of every thread. To be called
    before threads start.
    """
    _set({_M_MMAP_THRESHOLD: 2**20})


def keep_large_blocks() -> None:
    """Have what is freed kept, up to 2 GiB, for the next who asks.

    For training: a step asks for the large tensors that the step before freed. By default each goes
    back to the system, and comes again as pages that are cleared one at a time: up to a tenth of a
    step (scripts/step_speed.py).
    """
    _set({_M_TRIM_THRESHOLD: 2**31 - 1, _M_MMAP_THRESHOLD: 2**30})


def _set(options: dict[int, int]) -> None:
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for option, value in options.items():
            libc.mallopt(option, value)
