"""The parts of `make gpu`. Each yields its figures, what and how much, or raises LeftOut."""

import argparse
import importlib.util
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from sightline.data.arrays import load_extents, load_split
from sightline.errors import SightlineError
from sightline.layout import Layout, Processed
from sightline.settings import params
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Augment, Box, Optimizer, Recipe, Schedule, TrainSize
from sightline.training.batches import Images
from sightline.training.device import choose, processor_name
from sightline.training.setup import begin
from sightline.training.step import Training

DATA = Layout(Path(__file__).parents[2] / ".sightline" / "gpu")
SIZES = (128, 160)  # pixels that the networks are trained on
LARGE = {"widths": [64, 128, 256, 512], "stem": "large"}
NETWORKS = {
    "resnet18": {**LARGE, "blocks": 2},
    "resnet50": {**LARGE, "blocks": [3, 4, 6, 3], "bottleneck": True},
}
BATCH, WARMUP, STEPS = 256, 5, 20
RESUMED_STEPS = 100

Figures = Iterator[tuple[str, str]]


class LeftOut(Exception):
    """A part that this machine has nothing for, and what it lacks."""


def main() -> None:
    """Run one part; write what it returns."""
    options = argparse.ArgumentParser()
    options.add_argument("part", choices=PARTS)
    options.add_argument("answer", type=Path)
    options.add_argument("--rehearse", action="store_true")
    arguments = options.parse_args()
    if arguments.rehearse:
        shrink()
    compute = Compute("cpu" if arguments.rehearse else "cuda", threads=1)
    result: dict[str, Any] = {"figures": []}
    try:
        for figure in PARTS[arguments.part](compute):
            result["figures"].append(figure)
            arguments.answer.write_text(json.dumps(result))  # what is known, if it is cut off
    except LeftOut as why:
        arguments.answer.write_text(json.dumps(result | {"left out": str(why)}))


def shrink() -> None:
    """Make all of it so small that a CPU takes the same steps in seconds."""
    globals().update(SIZES=(128,), BATCH=4, WARMUP=1, STEPS=2, RESUMED_STEPS=12)
    globals()["NETWORKS"] = {"tiny": {"widths": [8, 8], "blocks": 1, "stem": "large"}}


def machine(compute: Compute) -> Figures:
    """What this is measured on."""
    place = choose(compute)
    yield "device", processor_name(place.device)
    yield "devices", str(max(torch.cuda.device_count(), 1))
    yield "place", place.reason
    yield "torch, CUDA", f"{torch.__version__}, {torch.version.cuda}"


def tests(compute: Compute) -> Figures:
    """The tests marked gpu."""
    folders = ["tests/training"]
    if all(importlib.util.find_spec(name) for name in ("onnx", "onnxruntime")):
        folders.append("tests/inference")
    # of the others some need packages that a bundle does not bring
    tests_here = (path for folder in folders for path in sorted(Path(folder).glob("test_*.py")))
    files = [str(path) for path in tests_here if "mark.gpu" in path.read_text()]
    plain = ["-q", "-rs", "-p", "no:cacheprovider", "-p", "no:toy_fixtures", "-o", "addopts="]
    command = [sys.executable, "-m", "pytest", *plain, "-m", "gpu", *files]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    last = (done.stderr + done.stdout).strip().splitlines()[-1]
    if done.returncode:
        raise SightlineError(f"tests marked gpu failed: {last}")
    skipped = re.findall(r"^SKIPPED \[\d+\] \S+?: (.*)$", done.stdout, re.M)
    yield "pytest -m gpu", last
    yield from (("skipped", why) for why in sorted(set(skipped)))


def resume(compute: Compute) -> Figures:
    """A training killed half way and resumed, beside one that nobody disturbed."""
    train_bars = [sys.executable, __file__.replace("parts.py", "bars.py"), compute.device]
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, cut = Path(folder) / "undisturbed", Path(folder) / "cut"
        steps = str(RESUMED_STEPS)
        subprocess.run([*train_bars, str(undisturbed), steps], check=True)
        half = str(RESUMED_STEPS // 2)
        if subprocess.call([*train_bars, str(cut), steps, "--die-at", half]) != -signal.SIGKILL:
            raise SightlineError("the training to be killed ended by itself")
        subprocess.run([*train_bars, str(cut), steps], check=True)
        one, other = (
            torch.load(Layout(root).trained("it").weights, weights_only=True)
            for root in (undisturbed, cut)
        )
        took = json.loads((cut / "timing.json").read_text())
    apart = max((one[key].float() - other[key].float()).abs().max().item() for key in one)
    yield "steps in all, and after the kill", f"{took['steps']}, {took['steps_executed']}"
    yield "weights equal to the bit", "yes" if apart == 0 else f"no, apart by {apart:.1e}"


def memory(compute: Compute) -> Figures:
    """What a split that is kept on the device takes there."""
    device = choose(compute).device
    arrays = load_split(photos(), "train")
    before = torch.cuda.memory_allocated() if device.type == "cuda" else 0
    kept = Images(*arrays, device, choose(compute).resident_bytes)
    taken = torch.cuda.memory_allocated() - before if device.type == "cuda" else 0
    size = arrays[0].nbytes
    yield "images kept on the device, MB", f"{size / 1e6:.1f}"
    yield "memory that they take there, MB", f"{taken / 1e6:.1f}"
    yield "of them resident", "yes" if kept.resident is not None else "no"


def steps(compute: Compute) -> Figures:
    """Images a second of training steps, eager and compiled; the share that waits for a map."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    kinds = ["eager", "compiled"] if compiler else ["eager"]  # compiling may be cut off
    for kind in kinds:
        for name, settings in NETWORKS.items():
            for size in SIZES:
                place = replace(compute, compile=kind == "compiled")
                training = photo_training(name, settings, size, place)
                rate = statistics.median(rates(training))
                label = f"{name}, {size} pixels, batch {training.batch_size}, {kind}"
                yield f"{label}: images a second", f"{rate:,.0f}"
                yield f"{label}: ms a step", f"{1000 * training.batch_size / rate:.1f}"
                if kind == "eager":
                    yield f"{label}: share that waits for the map", f"{waiting(training):.2%}"
    if not compiler:
        yield "compiled", "left out: torch.compile needs a C compiler"


def cifar10(compute: Compute) -> Figures:
    """The 94 % recipe and airbench's net, in turns."""
    import airbench

    if not DATA.processed("cifar10").meta.exists():
        raise LeftOut(f"{DATA.processed('cifar10').path} is missing: `make gpu-bundle` makes it")
    settings = params.load(Layout())
    runs = 3
    if compute.device == "cpu":
        vars(airbench).update(WIDTHS=(8, 16, 16), BATCH=24, EPOCHS=1, WHITENED=100)
        small = replace(settings.recipes[airbench.RECIPE], epochs=1, batch_size=24)
        settings.recipes[airbench.RECIPE] = replace(
            small, network=small.network | {"widths": [8, 16, 16]}
        )
        runs = 1
    compute = replace(compute, compile=compute.device == "cuda")
    costs = airbench.compare(settings, compute, runs, DATA)
    for name, (seconds, top1) in costs.items():
        yield f"{name}: median seconds", f"{statistics.median(seconds):.2f}"
        yield f"{name}: mean top-1 of {runs}, six views", f"{statistics.mean(top1):.2%}"


def onnxruntime(compute: Compute) -> Figures:
    """Exported models on CUDA, beside the CPU's answers."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime as ort
    except ModuleNotFoundError:
        raise LeftOut("onnxruntime is not installed here") from None
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise LeftOut(f"onnxruntime {ort.__version__} has no CUDAExecutionProvider here")
    paths = sorted(Path("models").glob("*/model.onnx"))
    if not paths:
        raise LeftOut("no exported model here: `sightline repro export` makes them")
    for path in paths:
        yield path.parent.name, asked_on(path, "CUDAExecutionProvider")


def asked_on(path: Path, provider: str) -> str:
    """Return how fast a provider of onnxruntime answers, and how far from the CPU's answers."""
    from sightline.inference.session import Session

    session, on_cpu = Session(path, provider), Session(path)
    shape = [on_cpu.metadata["image"][side] for side in ("height", "width", "channels")]
    batch = torch.randint(256, (BATCH, *shape), dtype=torch.uint8).numpy()
    ours, theirs = session.run(batch), on_cpu.run(batch)
    apart = max(float(abs(ours[key] - theirs[key]).max()) for key in ours)
    begun = time.perf_counter()
    for _ in range(STEPS):
        session.run(batch)
    rate = STEPS * BATCH / (time.perf_counter() - begun)
    return f"{rate:,.0f} images a second, apart {apart:.1e}"


def photos() -> Processed:
    """Return the arrays of photographs, stored as crops need them.

    Raises LeftOut where there are none.
    """
    files = DATA.processed("photos")
    if not files.meta.exists():
        raise LeftOut(f"{files.path} is missing: `make gpu-bundle` makes it")
    return files


def photo_training(name: str, settings: dict, size: int, compute: Compute) -> Training:
    """Return a training of one network on photographs before its first step."""
    recipe = Recipe(
        epochs=100,
        batch_size=BATCH,
        optimizer=Optimizer("sgd", 0.1, momentum=0.9, weight_decay=5e-5),
        schedule=Schedule("one-cycle", warmup=0.1),
        augment=Augment(crop=Box(area=[0.25, 1.0], ratio=[0.75, 1.333]), flip="random"),
        train_size=[TrainSize(size)],
        label_smoothing=0.1,
        network=settings,
    )
    model = Model(photos().path.name, "resnet", "classify", name, 0, "random")
    return begin(name, model, recipe, choose(compute), DATA)


def rates(training: Training) -> list[float]:
    """Return images a second of STEPS steps, three times, after WARMUP steps."""
    wait = torch.cuda.synchronize if training.place.device.type == "cuda" else lambda: None

    def rate_of(count: int) -> float:
        wait()
        begun, taken, epoch = time.perf_counter(), 0, 0
        while taken < count:
            for batch in training.batches(epoch):
                training.take_step(*batch, epoch=epoch)
                taken += 1
                if taken == count:
                    break
            epoch += 1
        wait()
        return count * training.batch_size / (time.perf_counter() - begun)

    rate_of(WARMUP)
    return [rate_of(STEPS) for _ in range(3)]


def waiting(training: Training) -> float:
    """Return the share of a step's time for which the host waits for the next batch of a map.

    An upper bound of what the device waits: it may still be at work meanwhile.
    """
    files, kept = photos(), training.train_set
    arrays, extents = load_split(files, "train"), load_extents(files, "train")
    training.train_set = Images(*arrays, training.place.device, 0, extents)
    waited = 0.0
    begun = last = time.perf_counter()
    for epoch in range(2):
        for batch in training.batches(epoch):
            waited += time.perf_counter() - last
            training.take_step(*batch, epoch=epoch)
            if training.place.device.type == "cuda":
                torch.cuda.synchronize()
            last = time.perf_counter()
    training.train_set = kept
    return waited / (time.perf_counter() - begun)


PARTS: dict[str, Callable[[Compute], Figures]] = {
    "machine": machine,
    "tests": tests,
    "resume": resume,
    "memory": memory,
    "steps": steps,
    "cifar10": cifar10,
    "onnxruntime": onnxruntime,
}

if __name__ == "__main__":
    try:
        main()
    except SightlineError as error:
        sys.exit(f"gpu: {error}")
