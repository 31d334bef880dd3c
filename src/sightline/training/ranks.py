"""Ranks: the processes that train one model together (`compute.processes`), each on its part of
every batch, with torch's DistributedDataParallel.

`sightline train NAME` starts them on this machine (`sightline.training.launch`). On several
machines, each with the workspace and its processed data, a person starts them with torchrun. For 2
machines of 4 GPUs each, compute.processes is 8; on the second machine the node rank is 1:

    torchrun --nnodes 2 --nproc-per-node 4 --node-rank 0 --master-addr FIRST --master-port 29500 \\
        -m sightline.cli train NAME
    dvc commit --force train@NAME       # on the first machine, which has the results

torchrun listens on every network interface, without a password: use a private network.

Promised is: without dropout and batch norm, the same steps as one process, up to rounding. A
gradient is the mean over the whole batch, however unequal its parts. Every rank holds the same
weights, so that rank 0's checkpoint is that of all. Batch norm normalises each rank's part by the
statistics of that part, and its running statistics are those of rank 0's parts (broadcast_buffers):
the results repeat, but are not those of one process. With compute.sync_batch_norm, on GPUs, the
ranks use the statistics of the whole batch. Each rank draws its own dropout.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.elastic.multiprocessing.errors import get_error_handler
from torch.nn.parallel import DistributedDataParallel

from sightline.errors import SightlineError

T = TypeVar("T")

MEETING = "SIGHTLINE_RANKS"  # the URL where the ranks of a training meet; else torchrun's own
LOST = 69  # EX_UNAVAILABLE of sysexits.h: the exit status of a rank that another one left alone


@dataclass(frozen=True)
class Ranks:
    """The number of this process, from 0, among `count`; one alone exchanges nothing."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one rank that speaks and writes."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Return which of `count` images are this rank's; parts differ by one image at most."""
        return slice(count * self.rank // self.count, count * (self.rank + 1) // self.count)

    def part_of_batch(self, batch_size: int) -> slice:
        """Return this rank's part of every batch; SightlineError where a rank would have none."""
        if batch_size < self.count:
            raise SightlineError(
                f"a batch of {batch_size} cannot be shared by {self.count} processes: lower "
                "compute.processes, or raise the recipe's batch_size"
            )
        return self.part(batch_size)

    def parallel(self, module: nn.Module) -> nn.Module:
        """Return the module with its gradients averaged over the ranks; all start as rank 0's.

        To be called anew when parameters are frozen: every parameter must get a gradient.
        """
        return DistributedDataParallel(module) if self.count > 1 else module

    def exchange(self, parallel: nn.Module, now: bool) -> AbstractContextManager[None]:
        """Return what a backward pass stands in: it averages gradients over the ranks if `now`."""
        if isinstance(parallel, DistributedDataParallel) and not now:
            return parallel.no_sync()
        return nullcontext()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sums of the ranks' values."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Give every rank the buffers of rank 0: running statistics."""
        if self.count > 1:
            for buffer in network.buffers():
                dist.broadcast(buffer, 0)

    def from_first(self, value: T) -> T:
        """Return rank 0's value on every rank."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]


def joined(processes: int, device: torch.device) -> Ranks:
    """Return this process's place among the ranks, connected to the others; on a GPU of its own.

    Raises SightlineError where there are not so many ranks, or not so many GPUs.
    """
    count = int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1
    if count != processes:
        raise SightlineError(
            f"compute.processes is {processes} and this training has {count}: `sightline train "
            "MODEL` starts as many as it says; for anything else set it to 1"
        )
    if count == 1:
        return Ranks()
    if device.type == "cuda":
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        if torch.cuda.device_count() < here:
            raise SightlineError(
                f"compute.processes has {here} processes on this machine, one GPU each, but torch "
                f"sees {torch.cuda.device_count()}: lower it, or set compute.device to cpu"
            )
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    rank = int(os.environ["RANK"])
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=os.environ.get(MEETING, "env://"),
        rank=rank,
        world_size=count,
    )
    return Ranks(rank, count)


@contextmanager
def one_voice() -> Iterator[None]:
    """In a rank, leave an error to the launcher, which prints it once for all; alone, do nothing.

    A rank that lost another ends without a word: what became of that one is what counts.
    """
    if not dist.is_torchelastic_launched():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C: no traceback from every rank
    try:
        yield
    except SightlineError as error:
        get_error_handler().record_exception(error)
        raise SystemExit(1) from None
    except RuntimeError as error:
        if not lost(error):
            raise
        get_error_handler().record_exception(error)
        raise SystemExit(LOST) from None
    if dist.is_initialized():
        dist.destroy_process_group()


def lost(error: RuntimeError) -> bool:
    """Return whether an error says that the connection to another rank is gone.

    NCCL and the store have a class of errors for that, gloo has its name in the text alone.
    """
    return isinstance(error, dist.DistError) or "/gloo/" in str(error)
