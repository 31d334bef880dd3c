"""CIFAR-10 to 94 % on one GPU: KellerJordan/cifar10-airbench's Muon net and ours, in turn.

    sed -i 's/^catalogue: .*/catalogue: official/; s/compile: false/compile: true/' params.yaml
    sed -i '/^  cifar10: /s/val_size: 0.1/val_size: 0/' params.yaml
    dvc repro preprocess@cifar10
    python scripts/airbench.py --runs 20

The peer is airbench94_muon.py of https://github.com/KellerJordan/cifar10-airbench (by its README
94.01 % in 2.59 s of an A100, torch 2.4.1) with its documented settings (Jordan 2024,
arXiv:2404.00498), written anew: half precision weights, channels_last, the images of an epoch moved
and mirrored at once, compiled to CUDA graphs (max-autotune). Ours is record-cifar10-gpu as
`sightline train` runs it, in the dtype that params.yaml says. `compute.compile` compiles both, each
in its own way: the peer's network by max-autotune and its Newton-Schulz steps, our network alone.
Both train on all 50,000 images, and a first time for nothing: they compile then. Seconds are those
of the steps: the images are on the device and the whitening layer is made before. top-1 is over six
views of each test image (flip-translate), asked off the clock.

Nobody ran this on a GPU so far, so it has no figures; its tests take the steps on the CPU.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.evaluation.views import views
from sightline.layout import Layout, Processed
from sightline.networks.cnn import whitening
from sightline.networks.layers import normalise
from sightline.settings import params
from sightline.settings.params import Compute
from sightline.training import loop
from sightline.training.batches import Images
from sightline.training.device import Place, choose, fast_dtype, processor_name
from sightline.training.optim import orthogonal
from sightline.training.setup import begin

MODEL, RECIPE = "cifar10-cnn", "record-cifar10-gpu"
# the peer's settings; its loss is the sum over the batch, and so are its rates and its decay
WIDTHS, BATCH, EPOCHS, WHITENING_EPOCHS, SHIFT, SMOOTHING = (64, 256, 256), 2000, 8, 3, 2, 0.2
FILTER_RATE, FILTER_MOMENTUM = 0.24, 0.6
BIAS_RATE, HEAD_RATE, MOMENTUM, DECAY = 0.053, 0.67, 0.85, 2e-6
WHITENED = 5000  # images that the whitening layer is made from

Answer = Callable[[Tensor], Tensor]  # logits, N x classes, of uint8 images N x H x W x C
Trainer = Callable[[int], tuple[float, Answer]]  # from a seed: the seconds, and what was trained


class Peer(nn.Module):
    """airbench's Muon net: a whitening layer, three blocks that halve the image, a linear head."""

    def __init__(self, classes: int):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad_(False)
        nn.init.zeros_(self.whiten.bias)
        blocks = [block(*sizes) for sizes in pairwise((24, *WIDTHS))]
        self.blocks = nn.Sequential(nn.GELU(), *blocks, nn.MaxPool2d(3), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1], classes, bias=False)
        nn.init.normal_(self.head.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, N x classes, of normalised images N x 3 x 32 x 32."""
        return self.head(self.blocks(self.whiten(images))) / WIDTHS[-1]


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return two convolutions that start as the identity, with norms that learn biases alone."""
    parts = []
    for size, rest in ((inputs, [nn.MaxPool2d(2)]), (outputs, [])):
        convolution = nn.Conv2d(size, outputs, 3, padding=1, bias=False)
        nn.init.dirac_(convolution.weight[:size].detach())
        norm = nn.BatchNorm2d(outputs, eps=1e-12, momentum=0.4)
        norm.weight.requires_grad_(False)
        parts += [convolution, *rest, norm, nn.GELU()]
    return nn.Sequential(*parts)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20, help="of each, with seeds 0, 1, ..")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        raise SightlineError(
            "torch sees no CUDA device here, and this compares trainings on a GPU: run it on a "
            "machine that has one"
        )
    settings = params.load(Layout())
    compare(settings, replace(settings.compute, device="cuda"), args.runs, Layout())


def compare(
    settings: params.Params, compute: Compute, runs: int, layout: Layout
) -> dict[str, tuple[list[float], list[float]]]:
    """Train both in turn, once more than `runs`; print each run, means, medians and their ratio.

    Returns the seconds and the top-1 over six views of each run, by who trained.

    Raises SightlineError where the workspace keeps images of train from training.
    """
    files, place = layout.processed("cifar10"), choose(compute)
    meta = load_meta(files)
    if held := meta["counts"]["val"]:
        raise SightlineError(
            f"{files.path} holds {held} train images back as val, and airbench trains on all: set "
            "datasets.cifar10.val_size to 0 in params.yaml and run `dvc repro preprocess@cifar10`"
        )
    print(
        f"{meta['note']}; {place.reason}, {processor_name(place.device)}, torch {torch.__version__}"
    )
    trainers = {
        "airbench": peer_trainer(files, meta, place),
        RECIPE: our_trainer(settings, place, layout),
    }
    costs = {name: [] for name in trainers}
    for seed in range(-1, runs):  # the first compiles, and does not count
        for name, train in trainers.items():
            seconds, answer = train(seed)
            top1 = over_six_views(answer, files, place.device)
            print(f"seed {seed}, {name}: {top1:.2%}, {seconds:.3f} s", flush=True)
            if seed >= 0:
                costs[name].append((seconds, top1))
    runs_of = {name: tuple(map(list, zip(*pairs, strict=True))) for name, pairs in costs.items()}
    medians = {name: statistics.median(seconds) for name, (seconds, _) in runs_of.items()}
    for name, (_, top1) in runs_of.items():
        spread = f" ± {statistics.stdev(top1):.2%}" if runs > 1 else ""
        print(f"{name}: {statistics.mean(top1):.2%}{spread}, median {medians[name]:.3f} s")
    print(f"ours takes {medians[RECIPE] / medians['airbench']:.2f} of airbench's seconds")
    return runs_of


def our_trainer(settings: params.Params, place: Place, layout: Layout) -> Trainer:
    """Return what trains our recipe."""

    def train(seed: int) -> tuple[float, Answer]:
        model = replace(settings.model(MODEL)[0], recipe=RECIPE, seed=seed)
        training = begin(MODEL, model, settings.recipe(RECIPE), place, layout)
        loop.run(training)
        training.network.eval()
        return training.seconds, training.objective.raw

    return train


def peer_trainer(files: Processed, meta: dict, place: Place) -> Trainer:
    """Return what trains airbench's net: one network, made anew for each seed, compiled once."""
    cuda = place.device.type == "cuda"
    dtype = torch.half if cuda else torch.float32
    mean, std = (torch.tensor(meta[key], device=place.device) for key in ("mean", "std"))
    train_set = Images(*load_split(files, "train"), place.device, place.resident_bytes)
    images = normalise(train_set.resident, mean, std)
    as_read = images.to(dtype)
    network = Peer(len(meta["classes"])).to(place.device, dtype, memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.float()
    dtype_of_steps, _ = fast_dtype(place.device)
    forward, orthogonalise = network, partial(orthogonal, dtype=dtype_of_steps)
    if place.compile:
        forward = torch.compile(network, mode="max-autotune")
        orthogonalise = torch.compile(orthogonalise)

    def train(seed: int) -> tuple[float, Answer]:
        torch.manual_seed(seed)
        network.load_state_dict(Peer(len(meta["classes"])).state_dict())
        with torch.no_grad():
            network.whiten.weight.copy_(whitening(images[:WHITENED], 2))
        wait = torch.cuda.synchronize if cuda else lambda: None
        wait()
        begun = time.perf_counter()
        train_peer(network.train(), forward, orthogonalise, as_read, train_set.labels)
        wait()
        seconds = time.perf_counter() - begun
        network.eval()
        return seconds, lambda batch: network(normalise(batch, mean, std).to(dtype))

    return train


def train_peer(
    network: Peer, forward: Callable, orthogonalise: Callable, images: Tensor, labels: Tensor
) -> None:
    """Train a network by airbench's settings on normalised images N x 3 x H x W, labels int64 N.

    `forward` is the network and `orthogonalise` is `orthogonal`, each as it is or compiled.
    """
    biases = [p for key, p in network.blocks.named_parameters() if key.endswith("bias")]
    rates = (
        ([network.whiten.bias], BIAS_RATE),
        (biases, BIAS_RATE),
        ([network.head.weight], HEAD_RATE),
    )
    groups = [
        {"params": vectors, "lr": rate, "peak": rate, "weight_decay": DECAY * BATCH / rate}
        for vectors, rate in rates
    ]
    sgd = torch.optim.SGD(groups, momentum=MOMENTUM, nesterov=True, fused=True)
    filters = [p for p in network.blocks.parameters() if p.ndim == 4]
    momenta = [torch.zeros_like(p) for p in filters]
    windows = shifted(images)
    taken, steps_an_epoch = 0, len(images) // BATCH
    for epoch in range(EPOCHS):
        network.whiten.bias.requires_grad_(epoch < WHITENING_EPOCHS)
        moved = drawn(windows, mirror=epoch % 2 == 1)
        visits = torch.randperm(len(images), device=images.device)
        for index in visits[: steps_an_epoch * BATCH].split(BATCH):
            loss = functional.cross_entropy(
                forward(moved[index]), labels[index], label_smoothing=SMOOTHING, reduction="sum"
            )
            network.zero_grad(set_to_none=True)
            loss.backward()
            left = 1 - taken / (EPOCHS * steps_an_epoch)
            for group in sgd.param_groups:
                group["lr"] = group["peak"] * left
            whitening_left = 1 - taken / (WHITENING_EPOCHS * steps_an_epoch)
            sgd.param_groups[0]["lr"] = BIAS_RATE * whitening_left  # without gradient: no step
            sgd.step()
            muon_step(filters, momenta, FILTER_RATE * left, orthogonalise)
            taken += 1


@torch.no_grad()
def muon_step(filters: list, momenta: list, rate: float, orthogonalise: Callable) -> None:
    """Move filters as `sightline.training.optim.Muon` does, with an `orthogonal` of one's own."""
    for each, momentum in zip(filters, momenta, strict=True):
        momentum.mul_(FILTER_MOMENTUM).add_(each.grad)
        ahead = each.grad.add(momentum, alpha=FILTER_MOMENTUM)
        each.mul_(len(each) ** 0.5 / each.norm())
        each.add_(orthogonalise(ahead.flatten(1)).view_as(each), alpha=-rate)


def shifted(images: Tensor) -> Tensor:
    """Return every move of the images by up to SHIFT pixels, N x 3 x moves x moves x H x W: a view.

    Half of the images, drawn once, are mirrored.
    """
    chosen = torch.rand(len(images), device=images.device) < 0.5
    mirrored = torch.where(chosen.view(-1, 1, 1, 1), images.flip(3), images)
    padded = functional.pad(mirrored, (SHIFT,) * 4, mode="reflect")
    return padded.unfold(2, images.shape[2], 1).unfold(3, images.shape[3], 1)


def drawn(windows: Tensor, mirror: bool) -> Tensor:
    """Return one move of each image, N x 3 x H x W, all of them mirrored or none."""
    count, moves = len(windows), windows.shape[2]
    down, right = torch.randint(moves, (2, count), device=windows.device)
    moved = windows[torch.arange(count, device=windows.device), :, down, right]
    return moved.flip(3) if mirror else moved


@torch.no_grad()
def over_six_views(answer: Answer, files: Processed, device: torch.device) -> float:
    """Return top-1 on test of the logits averaged over flip-translate views."""
    images, labels = load_split(files, "test")
    logits = 0
    for weight, view in views(images, "flip-translate", flips=True):
        parts = torch.from_numpy(np.ascontiguousarray(view)).split(BATCH)
        logits += weight * torch.cat([answer(part.to(device)).float().cpu() for part in parts])
    return (logits.argmax(1) == torch.from_numpy(labels)).float().mean().item()


if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"airbench: {error}")
