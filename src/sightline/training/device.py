"""Where training computes, and why: each choice comes with its reason, logged at the start."""

import os
from dataclasses import dataclass

import torch

from sightline.errors import SightlineError
from sightline.host.memory import keep_large_blocks
from sightline.host.processors import processor
from sightline.models.device import chosen
from sightline.settings.params import Compute
from sightline.training import ranks


@dataclass(frozen=True)
class Place:
    """The device, dtype, thread count and ranks in force, whether the network is compiled and its
    batch norms are synchronised, and a line that says why.
    """

    device: torch.device
    dtype: torch.dtype
    threads: int
    ranks: ranks.Ranks
    compile: bool
    sync_batch_norm: bool
    resident_bytes: int
    reason: str


def choose(compute: Compute) -> Place:
    """Return where to compute; set the process's thread count and how it keeps memory, and join the
    other ranks if any.

    Raises SightlineError where CUDA is asked for and not there, or the processes that are asked
    for: nothing falls back silently.
    """
    device = chosen(compute.device)
    if compute.sync_batch_norm and device.type == "cpu":
        raise SightlineError(
            "compute.sync_batch_norm is true, and torch's SyncBatchNorm refuses the CPU: set it to "
            "false, or run this on a GPU worker"
        )
    joined = ranks.joined(compute.processes, device)
    if compute.dtype == "auto":
        dtype, type_why = fast_dtype(device)
    else:
        dtype, type_why = getattr(torch, compute.dtype), "compute.dtype"
    torch.set_num_threads(compute.threads)
    keep_large_blocks()
    torch.backends.cudnn.benchmark = True  # the shapes of a step are those of the step before
    seen = "CUDA seen" if device.type == "cuda" else "CUDA not seen"
    why = seen if compute.device == "auto" else "compute.device"
    threads = f"{compute.threads} threads of {os.cpu_count()} cores"
    if joined.count > 1:
        threads = f"{joined.count} processes of {threads}"
    reason = (
        f"{device.type} ({why}), {dtype_name(dtype)} ({type_why}), "
        f"{threads} (compute.threads decides the bits)"
        f"{', compiled' if compute.compile else ''}"
    )
    return Place(
        *(device, dtype, compute.threads, joined, compute.compile, compute.sync_batch_norm),
        resident_bytes(device, compute.resident_gib),
        reason,
    )


def resident_bytes(device: torch.device, gib: float | None) -> int:
    """Return how many bytes of images a split may keep on the device: `gib`, else what is usual.

    Train and val each may take a third of what a GPU has free at the start; the rest is left to the
    network and its gradients.
    """
    if gib is not None:
        return int(gib * 2**30)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 3
    return 4 << 30


def fast_dtype(device: torch.device) -> tuple[torch.dtype, str]:
    """Return bfloat16 where the device has units for it, else float32, and the reason."""
    if device.type != "cuda":
        return torch.float32, "a CPU is fastest at it"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16, "a GPU is fast at it"
    return torch.float32, "this GPU only emulates bfloat16"


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a dtype as params.yaml has it."""
    return str(dtype).removeprefix("torch.")


def processor_name(device: torch.device) -> str:
    """Return the name of the processor that computes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
