"""GFLOP/s that a training step achieves on the CPU, beside those of a large matrix product.

    sed -i 's/^catalogue: .*/catalogue: official/' params.yaml && dvc repro preprocess@cifar10
    export OMP_WAIT_POLICY=PASSIVE      # as `sightline train` has it
    python scripts/step_speed.py cifar10-cnn --recipe record-cifar10-90 --threads 1
    python scripts/step_speed.py cifar10-cnn --recipe record-cifar10-94 --threads 2 --profile

A step is all of it: batch, augmentation, forward, backward, optimizer. Its FLOPs are those of its
convolutions and matrix products, forward and backward, as torch counts them: two for each
multiply-accumulate, padding included; what normalises, pools and augments counts as none. The
product is of two 2048 x 2048 float32 matrices, on the same threads. Step and product take turns, so
that a machine that changes its speed changes it for both; medians. --profile says which operators
take the time. Figures: docs/results.md.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from seeds import chosen
from torch.utils.flop_counter import FlopCounterMode

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.training.device import choose, processor_name
from sightline.training.setup import begin
from sightline.training.step import Training

SIDE = 2048  # of the matrices
WARMUP, ROUNDS, PROFILED = 3, 10, 3  # steps
LISTED = 12  # operators


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a model in params.yaml")
    parser.add_argument("--recipe", help="instead of the one that params.yaml names")
    parser.add_argument("--threads", type=int, help="instead of compute.threads")
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    args = parser.parse_args()
    training = start(args)
    index, *_ = next(training.batches(epoch=0))

    def step() -> None:
        training.take_step(index, *training.train_set.take(index), epoch=0)

    for _ in range(WARMUP):
        step()
    flops, product_flops = count(step), 2 * SIDE**3
    one, other = torch.rand(2, SIDE, SIDE)
    achieved, peak = [], []
    for _ in range(ROUNDS):
        peak.append(product_flops / seconds(lambda: one @ other) / 1e9)
        achieved.append(flops / seconds(step) / 1e9)
    place = training.place
    step_speed, product_speed = statistics.median(achieved), statistics.median(peak)
    print(
        f"{args.model}, recipe {training.description['recipe']['name']}: {flops / 1e9:.1f} "
        f"GFLOP and {flops / step_speed / 1e9:.3f} s a step of {training.batch_size} images, "
        f"{step_speed:.1f} GFLOP/s, {step_speed / product_speed:.0%} of the {product_speed:.1f} of "
        f"a matrix product; {place.threads} threads of {processor_name(place.device)}, load "
        f"{os.getloadavg()[0]:.1f}, torch {torch.__version__}"
    )
    if args.profile:
        profile(step)


def start(args: argparse.Namespace) -> Training:
    """Return a training on the CPU before its first step.

    Raises SightlineError for a recurrent network: torch does not count what its layers compute.
    """
    _, model, recipe, compute = chosen(args.model, args)
    place = choose(replace(compute, device="cpu"))
    training = begin(args.model, model, recipe, place, Layout())
    if training.network.takes_lengths:
        raise SightlineError(
            f"{args.model}: torch counts no FLOPs of recurrent layers: name a model that convolves "
            "or multiplies"
        )
    return training


def count(step: Callable[[], None]) -> int:
    """Return the FLOPs of a step."""
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def seconds(work: Callable[[], object]) -> float:
    """Return what a call takes by the clock."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def profile(step: Callable[[], None]) -> None:
    """Print the share of the operators that take the most time in themselves."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as taken:
        for _ in range(PROFILED):
            step()
    operators = sorted(taken.key_averages(), key=lambda each: -each.self_cpu_time_total)
    total = sum(each.self_cpu_time_total for each in operators)
    for each in operators[:LISTED]:
        print(f"{each.self_cpu_time_total / total:6.1%}  {each.key}")


if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"step_speed: {error}")
