"""Ranks: the processes that train one model together (`compute.processes`, torch.distributed).

Each takes its part of every batch; then gradients, running statistics of norms and losses are
averaged over the whole batch in one message. From there on each rank takes the same step by itself,
so that all hold the same bits at the end of a step: one checkpoint, rank 0's, is that of all.

By hand instead of DistributedDataParallel, which averages for calls of a module's `forward` alone:
tasks call a network's `features` and `head`. What it would gain, sending while the backward pass
still computes, is little for networks of this size: docs/scaling.md.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.elastic.multiprocessing.errors import get_error_handler

from sightline.errors import SightlineError

STORE = "SIGHTLINE_RANKS"  # the file in which the ranks of a training meet
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

    def begin(self, network: nn.Module, batch_size: int) -> None:
        """Give every rank the weights of rank 0, and its part of the dropouts of a batch.

        Raises SightlineError where there are fewer images in a batch than ranks.
        """
        if self.count == 1:
            return
        if batch_size < self.count:
            raise SightlineError(
                f"a batch of {batch_size} cannot be shared by {self.count} processes: lower "
                "compute.processes, or raise the recipe's batch_size"
            )
        with _peers():
            for value in network.state_dict().values():
                dist.broadcast(value, 0)
        for module in list(network.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Dropout):
                    setattr(module, name, Dropout(child.p, batch_size, self.part(batch_size)))

    @torch.no_grad()
    def average(self, network: nn.Module, figures: Tensor, share: float) -> None:
        """Replace gradients, norms' running statistics and `figures` by their means over a batch.

        `share`: this rank's share of the batch.
        """
        if self.count == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        running = [v for k, v in network.named_buffers() if k.endswith(("_mean", "_var"))]
        values = [*gradients, *running, figures]
        flat = torch.cat([value.flatten() for value in values]).mul_(share)
        with _peers():
            dist.all_reduce(flat)
        sums = flat.split([value.numel() for value in values])
        for value, mean in zip(values, sums, strict=True):
            value.copy_(mean.view(value.shape))

    def total(self, values: list[float], device: torch.device) -> list[float]:
        """Return the sums of the ranks' values."""
        if self.count == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        with _peers():
            dist.all_reduce(sums)
        return sums.tolist()


@contextmanager
def _peers() -> Iterator[None]:
    """End this rank without a word if another is gone: what became of that one is what counts, and
    the launcher says it.
    """
    try:
        yield
    except RuntimeError as error:
        get_error_handler().record_exception(error)
        raise SystemExit(LOST) from None


def joined(processes: int, device: torch.device) -> Ranks:
    """Return this process's place among the ranks, connected to the others; on a GPU of its own.

    Raises SightlineError where there are not so many ranks, or not so many GPUs.
    """
    count = int(os.environ["WORLD_SIZE"]) if STORE in os.environ else 1
    if count != processes:
        raise SightlineError(
            f"compute.processes is {processes} and this training has {count}: `sightline train "
            "MODEL` starts as many as it says; for anything else set it to 1"
        )
    if count == 1:
        return Ranks()
    rank = int(os.environ["RANK"])
    if device.type == "cuda":
        if torch.cuda.device_count() < count:
            raise SightlineError(
                f"compute.processes is {count}, one GPU each, but torch sees "
                f"{torch.cuda.device_count()}: lower it, or set compute.device to cpu"
            )
        torch.cuda.set_device(rank)
    store = dist.FileStore(os.environ[STORE], count)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=count)
    return Ranks(rank, count)


@contextmanager
def one_voice() -> Iterator[None]:
    """In a rank, leave an error to the launcher, which says it once for all; alone, do nothing."""
    if not dist.is_torchelastic_launched():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C: no traceback from every rank
    try:
        yield
    except SightlineError as error:
        get_error_handler().record_exception(error)
        raise SystemExit(1) from None
    dist.destroy_process_group()


class Dropout(nn.Dropout):
    """nn.Dropout that draws for a whole batch and drops its part of it (along dimension 0)."""

    def __init__(self, p: float, count: int, part: slice):
        super().__init__(p)
        self.count, self.part = count, part

    def forward(self, x: Tensor) -> Tensor:
        """Return x with a share p of its values set to 0, the others scaled up."""
        if not self.training:
            return x
        return x * super().forward(x.new_ones((self.count, *x.shape[1:])))[self.part]
