"""Achieved GFLOP/s of our training step, against the largest matrix product on the same threads.

    sed -i 's/^catalogue: .*/catalogue: official/' params.yaml && dvc repro preprocess@cifar10
    python benchmarks/step_speed.py cifar10-cnn --threads 1
    python benchmarks/step_speed.py cifar10-cnn --recipe record-cifar10-90 --threads 2 --profile

A step is all of it: batch, augmentation, forward, backward, optimizer. Its FLOPs are those of its
convolutions and matrix products, forward and backward, as torch counts them: two per
multiply-accumulate; what normalises, pools and augments counts as none. The product is of two
2048 x 2048 float32 matrices. Both take turns, so that a machine that changes its speed changes it
for both; medians. For networks that convolve or multiply: torch does not count fused recurrence.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from seeds import chosen
from torch.utils.flop_counter import FlopCounterMode

from sightline.data.arrays import load_meta, load_split
from sightline.layout import Layout
from sightline.training.batches import Images, order, seed_weights
from sightline.training.device import choose, processor
from sightline.training.loop import Run, build, describe, prepare

SIDE = 2048  # of the matrices
WARMUP, ROUNDS, STEPS = 5, 10, 4  # steps before, rounds, steps in each


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a model in params.yaml")
    parser.add_argument("--recipe", help="instead of the one that params.yaml names")
    parser.add_argument("--threads", type=int, help="instead of compute.threads")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    args = parser.parse_args()
    run = start(args)
    visits = order(len(run.train_set), run.seed, epoch=0)

    def step() -> None:
        run.take_step(visits[: run.batch_size], epoch=0)

    for _ in range(WARMUP):
        step()
    flops, product_flops = count(step), 2 * SIDE**3
    one, other = torch.rand(2, SIDE, SIDE, device=run.place.device)
    achieved, peak = [], []
    for _ in range(ROUNDS):
        peak.append(product_flops / seconds(lambda: one @ other, 1) / 1e9)
        achieved.append(flops / seconds(step, STEPS) / 1e9)
    step_speed, product_speed = statistics.median(achieved), statistics.median(peak)
    print(
        f"{args.model}, {run.recipe.batch_size} images a step, {flops / 1e9:.2f} GFLOP a step, "
        f"{run.place.threads} threads of {processor(run.place.device)}, load "
        f"{os.getloadavg()[0]:.1f}: {step_speed:.1f} GFLOP/s, {step_speed / product_speed:.0%} of "
        f"the {product_speed:.1f} of a matrix product"
    )
    if args.profile:
        profile(step)


def start(args: argparse.Namespace) -> Run:
    """Return a training run before its first step, as `sightline train` makes it."""
    _, model, recipe, compute = chosen(args.model, args)
    place, folder = choose(compute), Layout(Path.cwd()).processed(model.dataset)
    train_set, val_set = (Images(*load_split(folder, s), place.device) for s in ("train", "val"))
    seed_weights(model.seed)
    trained = build(describe(args.model, model, recipe, compute, load_meta(folder)), place)
    prepare(trained, train_set, model.seed)
    return Run(trained, train_set, val_set, recipe, model.seed, place)


def count(step: Callable[[], None]) -> int:
    """Return the FLOPs of a step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the mean seconds of a call; on a GPU, of all that the calls made it do."""
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    begun = time.perf_counter()
    for _ in range(times):
        work()
    synchronise()
    return (time.perf_counter() - begun) / times


def profile(step: Callable[[], None]) -> None:
    """Print the operators that take the most time in themselves."""
    with torch.profiler.profile() as taken:
        for _ in range(STEPS):
            step()
    print(taken.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


if __name__ == "__main__":
    sys.exit(main())
