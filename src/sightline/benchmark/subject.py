"""The model that is measured: its exported file, torch eager beside it, and what both are asked."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline import tasks
from sightline.benchmark import contenders
from sightline.data.arrays import load_split
from sightline.data.asked import train_images
from sightline.errors import SightlineError
from sightline.host.processors import cores
from sightline.inference.session import Session
from sightline.layout import Layout
from sightline.settings.benchmark import Benchmark

if TYPE_CHECKING:
    from sightline.tasks.base import Task


@dataclass(frozen=True)
class Subject:
    """One exported model, to be measured with these settings on this execution provider."""

    name: str
    layout: Layout
    settings: Benchmark
    provider: str

    @property
    def file(self) -> Path:
        """The exported file."""
        return self.layout.model(self.name).onnx

    @property
    def int8_file(self) -> Path:
        """Where its int8 variant lies while it is measured, and afterwards if it is accepted."""
        return self.layout.benchmarks.int8(self.name)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """The exported file's metadata."""
        return Session(self.file, self.provider).metadata

    @cached_property
    def task(self) -> "Task":
        """What the model is asked for. Imports torch."""
        return tasks.task(self.metadata["task"])

    @cached_property
    def eager(self) -> contenders.Contender:
        """The model as torch computes it."""
        return contenders.eager(self.layout.trained(self.name), self.provider)

    @cached_property
    def compiled(self) -> contenders.Contender:
        """The model as torch.compile computes it."""
        return contenders.eager(self.layout.trained(self.name), self.provider, compiled=True)

    @cached_property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """The questions of test and their targets; SightlineError where there are none."""
        images, targets = self.examples("test")
        if not len(images):
            raise SightlineError(f"{self.name}: its test split is empty: there is nothing to ask")
        return images, targets

    def examples(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the questions of a split that the model's task asks, and their targets."""
        return self.task.examples(*self.split(split), split)

    def split(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the images of a split, memory-mapped, and their labels."""
        return load_split(self.layout.processed(self.metadata["dataset"]), name)

    def train_images(self, count: int) -> np.ndarray:
        """Return images of train as the model takes them, at least `count` if it has them."""
        return train_images(self.layout.processed(self.metadata["dataset"]), count)

    def batch(self, size: int) -> np.ndarray:
        """Return so many images of test, repeated where there are not as many."""
        images, _ = self.test
        return images[np.arange(size) % len(images)]

    def thread_counts(self) -> list[int]:
        """Return how many threads a call gets, one measurement each; on CUDA they do not matter."""
        if self.provider == contenders.CUDA:
            return [1]
        counts = [cores() if count == "all" else count for count in self.settings.threads]
        return list(dict.fromkeys(counts))
