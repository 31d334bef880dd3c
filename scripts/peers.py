"""Train pytorch/examples' MNIST networks and ours in turn, to the same accuracy on test; time both.

    sed -i 's/^catalogue: .*/catalogue: official/' params.yaml && dvc repro preprocess@mnist
    export OMP_WAIT_POLICY=PASSIVE      # as `sightline train` has it
    python scripts/peers.py --seeds 0 1 2 --threads 1
    python scripts/peers.py input-path mnist_rnn --seeds 0 1 2 --threads 1

The peers are mnist and mnist_rnn of https://github.com/pytorch/examples with their documented
settings (batch 64, Adadelta, learning rate 1.0 and 0.1, times 0.7 after each epoch, at most 14
epochs), written anew. Their images come the usual way (Dataset, DataLoader, ToTensor, Normalize);
ours are batches of one uint8 tensor. Both train on the workspace's train split. The peer is asked
about test after every epoch, off the clock, and stops at the goal or after its 14 epochs, which is
then said; only its steps are timed. Ours runs its recipe to the end and must be at the goal then,
else the command ends with status 1; its CPU-seconds hold reading the data and validation too.
input-path measures an epoch of batches, both ways, and no network. Figures: docs/results.md.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from seeds import measure
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.layout import Layout, Processed
from sightline.networks.layers import normalise
from sightline.settings import params
from sightline.settings.params import Compute
from sightline.training.batches import Images, order
from sightline.training.device import choose, processor_name

BATCH, DECAY, EPOCHS = 64, 0.7, 14  # the peers' settings
TEST_BATCH = 1000


class Convolutional(nn.Module):
    """pytorch/examples' mnist: two convolutions, a pool, two linear layers; 1.2 m parameters."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(128, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, N x 10, of images N x 1 x 28 x 28."""
        return self.layers(images)


class Recurrent(nn.Module):
    """pytorch/examples' mnist_rnn: an LSTM of 64 over the rows, a norm, two linear layers."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 64, batch_first=True)
        self.layers = nn.Sequential(
            *(nn.BatchNorm1d(64), nn.Dropout(0.25), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(32, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, N x 10, of images N x 1 x 28 x 28."""
        return self.layers(self.lstm(images[:, 0])[0][:, -1])


@dataclass(frozen=True)
class Peer:
    """A peer, the top-1 on test that both train to, and the model and recipe of ours."""

    network: type[nn.Module]
    learning_rate: float
    goal: float
    model: str
    recipe: str


PEERS = {
    "mnist": Peer(Convolutional, 1.0, 0.985, "mnist-cnn", "fast-mnist-99"),
    "mnist_rnn": Peer(Recurrent, 0.1, 0.98, "mnist-lstm", "fast-rows-98"),
}


@dataclass(frozen=True)
class Cost:
    """What a training took: seconds by the clock, CPU-seconds, and the top-1 on test it reached."""

    seconds: float
    cpu_seconds: float
    top1: float


class Pictures(Dataset):
    """Images as torchvision's MNIST gives them: one at a time, through PIL and transforms."""

    def __init__(self, files: Processed, split: str):
        self.images, self.labels = (np.array(array) for array in load_split(files, split))
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index, :, :, 0])
        return self.transform(picture), int(self.labels[index])


def main() -> None:
    """Run the command line."""
    what = ["input-path", *PEERS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", choices=[*what, []], help="all where it is left out")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    settings = params.load(Layout())
    compute = replace(settings.compute, threads=args.threads, device="cpu")
    place = choose(compute)  # threads and memory, for both alike
    files = Layout().processed("mnist")
    meta = load_meta(files)
    print(
        f"{meta['note']}; {place.threads} threads of {processor_name(place.device)}, load "
        f"{os.getloadavg()[0]:.1f}, torch {torch.__version__}",
        flush=True,
    )
    for name in args.what or what:
        if name == "input-path":
            input_path(files, meta)
        else:
            compare(name, args.seeds, files, settings, compute)


def input_path(files: Processed, meta: dict) -> None:
    """Print the speed of an epoch of batches by CPU time, the usual way and ours; no network."""
    loader = DataLoader(Pictures(files, "train"), batch_size=BATCH, shuffle=True)
    resident = Images(*load_split(files, "train"), torch.device("cpu"), 4 << 30)
    mean, std = torch.tensor(meta["mean"]), torch.tensor(meta["std"])

    def theirs() -> None:
        for _ in loader:
            pass

    def ours() -> None:
        for index in order(len(resident), seed=0, epoch=0).split(BATCH):
            normalise(resident.take(index)[0], mean, std)

    ours()  # the first touch of memory is not the path's
    usual, mine = (len(resident) / median_cpu(way) for way in (theirs, ours))
    print(
        f"input path, images a CPU-second in batches of {BATCH}: DataLoader {usual:,.0f}, ours "
        f"{mine:,.0f}: {mine / usual:.0f} times less CPU an epoch",
        flush=True,
    )


def median_cpu(work: Callable[[], None], times: int = 3) -> float:
    """Return the median of the CPU-seconds that calls of `work` take."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def compare(
    name: str, seeds: list[int], files: Processed, settings: params.Params, compute: Compute
) -> None:
    """Train a peer and ours in turn with each seed; print each, the medians and their ratios.

    Raises SightlineError where ours missed the goal: then there is nothing to compare.
    """
    peer, costs = PEERS[name], []
    for seed in seeds:
        theirs, ours = train_peer(peer, seed, files), train_ours(peer, seed, settings, compute)
        costs.append((theirs, ours))
        for who, cost in ((name, theirs), (f"{peer.model}, {peer.recipe}", ours)):
            print(
                f"seed {seed}, {who}: {cost.top1:.2%}, {cost.seconds:.1f} s, "
                f"{cost.cpu_seconds:.1f} CPU-s",
                flush=True,
            )
        if ours.top1 < peer.goal:
            raise SightlineError(
                f"{peer.model} by {peer.recipe}: {ours.top1:.2%} with seed {seed}, {peer.goal:.1%} "
                "was to be reached: compare on the real MNIST, or lengthen the recipe"
            )
    late = sum(theirs.top1 < peer.goal for theirs, _ in costs)
    lines = [f"{name} to {peer.goal:.1%}, medians over seeds {seeds}"]
    if late:
        lines.append(f"the peer never got there with {late} of them, and ran its {EPOCHS} epochs")
    for unit, key in (("s", "seconds"), ("CPU-s", "cpu_seconds")):
        theirs, ours = (
            statistics.median(getattr(pair[side], key) for pair in costs) for side in (0, 1)
        )
        lines.append(f"peer {theirs:.1f} {unit}, ours {ours:.1f}: {theirs / ours:.1f} times less")
    print("; ".join(lines), flush=True)


def train_peer(peer: Peer, seed: int, files: Processed) -> Cost:
    """Train a peer until it is at the goal on test, asked after each epoch and off the clock."""
    torch.manual_seed(seed)
    train_set = DataLoader(Pictures(files, "train"), batch_size=BATCH, shuffle=True)
    test_set = DataLoader(Pictures(files, "test"), batch_size=TEST_BATCH)
    network = peer.network()
    optimizer = torch.optim.Adadelta(network.parameters(), lr=peer.learning_rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=DECAY)
    seconds = cpu_seconds = top1 = 0.0
    for _ in range(EPOCHS):
        begun, cpu_begun = time.perf_counter(), time.process_time()
        network.train()
        for images, labels in train_set:
            optimizer.zero_grad()
            functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
        schedule.step()
        seconds += time.perf_counter() - begun
        cpu_seconds += time.process_time() - cpu_begun
        top1 = accuracy(network, test_set)
        if top1 >= peer.goal:
            break
    return Cost(seconds, cpu_seconds, top1)


@torch.inference_mode()
def accuracy(network: nn.Module, test_set: DataLoader) -> float:
    """Return top-1."""
    network.eval()
    right = sum((network(images).argmax(1) == labels).sum().item() for images, labels in test_set)
    return right / len(test_set.dataset)


def train_ours(peer: Peer, seed: int, settings: params.Params, compute: Compute) -> Cost:
    """Train our model by its recipe, as `sightline train` does; test it off the clock."""
    model, _ = settings.model(peer.model)
    model = replace(model, recipe=peer.recipe, seed=seed)
    run = measure(peer.model, model, settings.recipe(peer.recipe), compute, settings)
    return Cost(run["seconds"], run["cpu_seconds"], run["test"]["top1"])


if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"peers: {error}")
