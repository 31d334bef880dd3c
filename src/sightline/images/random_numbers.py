"""Random draws. Every generator is seeded by (seed, purpose, position), so that a resumed run draws
what an uninterrupted one would, without saving any generator's state.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor


def generator(seed: int, purpose: str, position: int = 0) -> torch.Generator:
    """Return a generator that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{seed} {purpose} {position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def seed_weights(seed: int) -> None:
    """Have torch draw the initial weights of the next network that is built from this seed."""
    torch.manual_seed(generator(seed, "weights").initial_seed())


@dataclass(frozen=True)
class RandomNumbers:
    """Random numbers for the images of a batch.

    Numbers are drawn for all `count` images, and those of `part` are given: the ranks of a training
    (`sightline.training.ranks`), each with its part, draw together what a single process draws.
    """

    source: torch.Generator
    count: int
    part: slice

    def uniform(self, *rows: int) -> Tensor:
        """Return float32 rows x images, from 0 to 1."""
        return torch.rand((*rows, self.count), generator=self.source)[..., self.part]

    def integers(self, low: int, high: int, *rows: int) -> Tensor:
        """Return int64 rows x images, from `low` to `high`, both included."""
        shape = (*rows, self.count)
        return torch.randint(low, high + 1, shape, generator=self.source)[..., self.part]
