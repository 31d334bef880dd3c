"""Where training computes, and why: each choice comes with its reason, said at the start."""

import ctypes
import os
import platform
from dataclasses import dataclass

import torch

from sightline.errors import SightlineError
from sightline.host.processors import processor
from sightline.settings.params import Compute
from sightline.training import ranks


@dataclass(frozen=True)
class Place:
    """The device, dtype, thread count and ranks in force, whether the network is compiled, and a
    line that says why.
    """

    device: torch.device
    dtype: torch.dtype
    threads: int
    ranks: ranks.Ranks
    compile: bool
    reason: str


def choose(compute: Compute) -> Place:
    """Return where to compute; set the process's thread count and how it keeps memory, and join the
    other ranks if any.

    Raises SightlineError where CUDA is asked for and not there, or the processes that are asked
    for: nothing falls back silently.
    """
    cuda = torch.cuda.is_available()
    if compute.device == "cuda" and not cuda:
        raise SightlineError(
            "compute.device is cuda, but torch sees no CUDA device here: set it to auto or cpu, "
            "or run this on a GPU worker"
        )
    device = torch.device("cuda" if cuda and compute.device != "cpu" else "cpu")
    why = {"auto": f"CUDA {'seen' if cuda else 'not seen'}"}.get(compute.device, "compute.device")
    if compute.dtype == "auto":
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        type_why = "a GPU is fast at it" if device.type == "cuda" else "a CPU is fastest at it"
    else:
        dtype, type_why = getattr(torch, compute.dtype), "compute.dtype"
    torch.set_num_threads(compute.threads)
    keep_memory()
    torch.backends.cudnn.benchmark = True  # the shapes of a step are those of the step before
    joined = ranks.joined(compute.processes, device)
    threads = f"{compute.threads} threads of {os.cpu_count()} cores"
    if joined.count > 1:
        threads = f"{joined.count} processes of {threads}"
    dtype_name = str(dtype).removeprefix("torch.")
    reason = (
        f"{device.type} ({why}), {dtype_name} ({type_why}), "
        f"{threads} (compute.threads decides the bits)"
        f"{', compiled' if compute.compile else ''}"
    )
    return Place(device, dtype, compute.threads, joined, compute.compile, reason)


def keep_memory() -> None:
    """Have glibc keep what is freed, up to 2 GiB, for the next who asks.

    A step asks for the large tensors that the step before freed. By default each goes back to the
    system, and comes again as pages that are cleared one at a time: up to a tenth of a step
    (benchmarks/step_speed.py). Another C library keeps its own ways.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: malloc.h
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 2**31 - 1)
        libc.mallopt(mmap_threshold, 2**30)


def processor_name(device: torch.device) -> str:
    """Return the name of the processor that computes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
