"""What a training step waits for its images, where they are too many for memory: imagenet-resnet on
a memory map.

    OMP_NUM_THREADS=1 python scripts/data_wait.py --threads 1

Writes noise images into a temporary folder under --folder (a real disk, not a tmpfs; by default
.sightline, which git ignores even where a killed run leaves them), drops them from the page cache,
and takes steps of the recipe on random batches of the map. Cold: no batch has been read before;
warm: all have. Prints the share of the step that waits for `Images.batches`, medians of the steps,
and what a step reads from the disk, which says how cold the cold ones are. The file is far smaller
than ImageNet, so `resident_bytes` is set to 0 instead. The last line is of images with more than
their square, of which random crops are shown.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from sightline.data import arrays
from sightline.images.crop import cropped
from sightline.images.random_numbers import RandomNumbers, generator
from sightline.layout import Layout, Processed
from sightline.models.trained import TrainedModel
from sightline.networks.layers import normalise
from sightline.settings import params
from sightline.settings.recipe import Box
from sightline.training.batches import Images
from sightline.training.optim import optimizers
from sightline.training.results import describe

MODEL = "imagenet-resnet"
SIZES = ((64, 64, 64), (128, 128, 128), (224, 224, 224), (192, 256, 128))  # stored; shown
BOX = Box(area=[0.25, 1.0], ratio=[0.75, 1.333])
MAP_BYTES = 256 << 20  # so that a page fault's read-ahead brings few of the images still to come


def main() -> None:
    """Print a line per image size."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--folder", type=Path, default=Path(".sightline"), help="of the map")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--steps", type=int, default=8, help="cold ones, and as many warm")
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    args.folder.mkdir(exist_ok=True)
    for height, width, size in SIZES:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            files = Processed(Path(folder))
            line = measure(files, (height, width), size, args.steps, args.threads)
            print(f"{height} x {width} pixels, {size} shown: {line}")


def measure(files: Processed, stored: tuple[int, int], size: int, steps: int, threads: int) -> str:
    """Take cold steps, then the same ones warm, and return what they took in words."""
    settings = params.load(Layout())
    model, recipe = settings.model(MODEL)
    count = MAP_BYTES // (stored[0] * stored[1] * 3)
    write(files.images("train"), count, stored)
    np.save(files.labels("train"), np.arange(count) % 10)
    meta = {"height": size, "width": size, "channels": 3, "classes": [str(c) for c in range(10)]}
    meta |= {"mean": [0.5] * 3, "std": [0.29] * 3}
    trained = TrainedModel(describe(MODEL, model, recipe, threads, meta))
    trained = trained.to(memory_format=torch.channels_last)
    images = Images(*arrays.load_split(files, "train"), torch.device("cpu"), resident_bytes=0)
    optimizer = optimizers(trained.network, recipe.optimizer)[0]
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    batches = order.split(recipe.batch_size)
    for _ in stepping(trained, images, optimizer, batches[-1:], size):  # allocates; not seen again
        pass
    lines = []
    for name in ("cold", "warm"):
        read = blocks_read()
        took = list(stepping(trained, images, optimizer, batches[:steps], size))
        wait, step = (1000 * statistics.median(times) for times in zip(*took, strict=True))
        read = (blocks_read() - read) * 512 / steps / 1e6
        lines.append(
            f"{name} {wait:.2f} of {step:.0f} ms a step, {wait / step:.2%}, {read:.1f} MB from disk"
        )
    return f"batch {recipe.batch_size}, {'; '.join(lines)}"


def blocks_read() -> int:
    """Return how many blocks of 512 bytes this process has had read from a disk so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_inblock


def write(path: Path, count: int, stored: tuple[int, int]) -> None:
    """Write noise images, and drop them from the page cache."""
    images = arrays.create(path, (count, *stored, 3))
    rng = np.random.default_rng(0)
    for row in range(count):
        images[row] = rng.integers(0, 256, images.shape[1:], dtype=np.uint8)
    images.flush()
    del images
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def stepping(
    trained: TrainedModel,
    images: Images,
    optimizer: torch.optim.Optimizer,
    indices: tuple[torch.Tensor, ...],
    size: int,
) -> Iterator[tuple[float, float]]:
    """Take a step for each index; yield the seconds of waiting for its batch, and of all."""
    begun = time.perf_counter()
    for _, batch, labels in images.batches(indices):
        waited = time.perf_counter() - begun
        if batch.shape[1:3] != (size, size):
            random = RandomNumbers(generator(0, "crop"), len(batch), slice(None))
            batch = cropped(batch, None, BOX, random, size)
        x = normalise(batch, trained.mean, trained.std)
        raw, _ = trained.task.read(trained.network, x, None)
        loss = trained.task.loss(raw, batch, labels)
        trained.network.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        yield waited, time.perf_counter() - begun
        begun = time.perf_counter()


if __name__ == "__main__":
    main()
