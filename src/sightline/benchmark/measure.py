"""One model measured: its variants in every scenario beside torch, and what belongs to them."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sightline import tasks
from sightline.benchmark import accuracy, contenders, environment, gate, provider, quantise, records
from sightline.benchmark.scenarios import (
    MULTI,
    OFFLINE,
    SINGLE,
    STREAM_BATCH,
    Timing,
    interleave,
    overhead,
)
from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.host.processors import cores
from sightline.inference.session import Session
from sightline.layout import Layout
from sightline.settings.benchmark import Benchmark

logger = logging.getLogger(__name__)

FP32, INT8, EAGER = "fp32", "int8", "torch"  # the contenders' names


class Measurement:
    """What is known of one model while it is measured; `figures` and `timings` grow."""

    def __init__(self, name: str, layout: Layout, settings: Benchmark, provider: str):
        self.name, self.layout, self.settings, self.provider = name, layout, settings, provider
        self.file = layout.model(name).onnx
        self.candidate = layout.benchmarks.int8(name)
        self.metadata = Session(self.file, provider).metadata
        self.data = layout.processed(self.metadata["dataset"])
        self.eager = contenders.eager(layout.model(name), provider)
        self.figures: list[dict] = []
        self.timings: dict[str, Timing] = {}
        self.test_images, self.test_targets = self.examples("test")
        if not len(self.test_images):
            raise SightlineError(f"{name}: its test split is empty: there is nothing to ask it")

    def examples(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the questions of a split that the model's task asks, and their targets."""
        task = tasks.task(self.metadata["task"])
        return task.examples(*load_split(self.data, split), split)

    def batch(self, size: int) -> np.ndarray:
        """Return so many images of test, repeated where there are not as many."""
        return np.resize(self.test_images[:size], (size, *self.test_images.shape[1:]))

    def thread_counts(self) -> list[int]:
        """Return how many threads a call gets, one measurement each; on CUDA they do not matter."""
        if self.provider == contenders.CUDA:
            return [1]
        named = [cores() if n == "all" else n for n in self.settings.threads]
        return list(dict.fromkeys(named))

    def scenarios(self, files: dict[str, Path]) -> None:
        """Measure these files and torch eager in all scenarios, at all thread counts."""
        settings = self.settings
        streams = [(s, STREAM_BATCH[s], settings.calls) for s in (SINGLE, MULTI)]
        offline = [(OFFLINE, b, -(-settings.samples // b)) for b in settings.batches]
        for threads in self.thread_counts():
            contenders.torch_threads(threads)
            models = {
                variant: contenders.exported(path, self.provider, threads).run
                for variant, path in files.items()
            } | {EAGER: self.eager}
            for scenario, size, calls in [*streams, *offline]:
                seconds = (
                    settings.offline_seconds if scenario == OFFLINE else settings.stream_seconds
                )
                images = self.batch(size)
                found = interleave(
                    {variant: _asked(model, images) for variant, model in models.items()},
                    calls,
                    seconds,
                    settings.rounds,
                    settings.warmup,
                )
                for variant, timing in found.items():
                    self._keep(variant, scenario, size, threads, calls, timing)

    def _keep(self, variant: str, scenario, size: int, threads: int, calls: int, timing) -> None:
        done = len(timing.milliseconds)
        figure = {
            "contender": variant,
            "scenario": scenario,
            "batch": size,
            "threads": threads,
            "calls": done,
            "samples": done * size,
            "seconds": round(float(timing.milliseconds.sum()) / 1000, 3),
            "ended_by": "samples" if done >= calls else "time",
            **{f"p{share}_ms": _digits(timing.percentile(share)) for share in (50, 90, 99)},
            "images_per_second": _digits(1000 * size / timing.percentile(50)),
        }
        self.figures.append(figure)
        self.timings[raw_name(figure)] = timing

    def levels(self) -> list[dict]:
        """Return the median call at each level of graph optimisation, one thread, fp32."""
        found = []
        models = {
            level: contenders.exported(self.file, self.provider, 1, level).run
            for level in contenders.LEVELS
        }
        for size in STREAM_BATCH.values():
            images, settings = self.batch(size), self.settings
            timings = interleave(
                {level: _asked(model, images) for level, model in models.items()},
                settings.calls,
                settings.level_seconds,
                settings.rounds,
                settings.warmup,
            )
            for level, timing in timings.items():
                calls, p50 = len(timing.milliseconds), _digits(timing.percentile(50))
                found.append({"level": level, "batch": size, "calls": calls, "p50_ms": p50})
        return found

    def overhead(self) -> float:
        """Return the microseconds that our session and our clock add to a bare session.run."""
        session, images = contenders.exported(self.file, self.provider, 1), self.batch(1)
        names, feed, run = list(session.outputs), {"images": images}, session.raw.run
        return round(overhead(lambda: session.run(images), lambda: run(names, feed)), 2)

    def cold_start(self, path: Path) -> dict:
        """Return the medians of starting fresh processes with one thread, and their peak memory."""
        sizes = [1, max(self.settings.batches)]
        runs = []
        with tempfile.TemporaryDirectory() as folder:
            images = Path(folder) / "images.npy"
            np.save(images, self.batch(sizes[-1]))
            command = [sys.executable, "-m", "sightline.benchmark.cold", str(path), self.provider]
            command += ["1", ",".join(map(str, sizes)), str(images)]
            for _ in range(self.settings.cold_starts):
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    said = (done.stderr.strip().splitlines() or ["without a word"])[-1]
                    raise SightlineError(f"{path}: a fresh process could not run it: {said}")
                runs.append(json.loads(done.stdout))
        medians = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        return {
            key: int(value) if key.startswith("peak") else _digits(value)
            for key, value in medians.items()
        } | {"starts": len(runs)}


def raw_name(figure: dict) -> str:
    """Return the name of a figure's raw values: fp32/single-stream/batch 1/threads 1."""
    return "{contender}/{scenario}/batch {batch}/threads {threads}".format(**figure)


def _asked(model, images: np.ndarray):
    return lambda: model(images)


def _digits(value: float | None) -> float | None:
    """Round to four significant digits: no timing knows more."""
    return None if value is None else float(f"{value:.4g}")


def measure(name: str, layout: Layout, settings: Benchmark) -> tuple[dict, dict[str, Timing]]:
    """Return the record of one model, without its key, and the raw values by name.

    The accepted int8 variant lies in benchmarks/int8/ afterwards; a rejected one is gone.
    Raises SightlineError where the model is not exported or cannot run where it should.
    """
    # what a flow sets for stages side by side would slow torch's threads, which are alone here
    os.environ.pop("OMP_WAIT_POLICY", None)
    chosen = provider.choose(settings.provider)
    it = Measurement(name, layout, settings, chosen)
    load = environment.Load()
    contenders.torch_threads(cores())
    expected = accuracy.answers(it.eager, it.test_images)
    files = {FP32: it.file}
    variants = {FP32: _variant(it, it.file, expected)}
    variants[INT8], why_not = _int8(it, expected, variants[FP32])
    if why_not is None:
        files[INT8] = it.candidate
    it.scenarios(files)
    levels, added = it.levels(), it.overhead()
    if why_not is None:
        why_not = gate.not_faster(it.timings, settings)
    variants[INT8] |= {"accepted": why_not is None, "why_not": why_not}
    for variant, path in files.items():
        variants[variant]["cold_start"] = it.cold_start(path)
    if why_not is not None:
        it.candidate.unlink(missing_ok=True)
    busy = load.result()
    record = {
        "model": _described(it.metadata),
        "environment": {
            "time": load.time,
            "machine": environment.machine(),
            "versions": environment.versions(),
            "provider": chosen,
            "load": busy,
            "busy": max(busy["others_before"], busy["others_during"]) > settings.busy,
        },
        "settings": asdict(settings),
        "variants": variants,
        "figures": it.figures,
        "levels": levels,
        "overhead_microseconds": added,
    }
    return record, it.timings


def _variant(it: Measurement, path: Path, expected: dict[str, np.ndarray]) -> dict:
    """Return what is known of a file before its speed: size, agreement, figure on val and test."""
    model = contenders.exported(path, it.provider, cores()).run
    got = accuracy.answers(model, it.test_images)
    found = {
        "sha256": records.sha256(path),
        "bytes": path.stat().st_size,
        "against_torch": accuracy.agreement(got, expected, tasks.words(it.metadata["task"]).choice),
    }
    task, (images, targets) = it.metadata["task"], it.examples("val")
    key = tasks.words(task).figure
    found[f"test_{key}"] = accuracy.figure(task, got, it.test_images, it.test_targets)
    said = accuracy.answers(model, images) if len(images) else {}
    found[f"val_{key}"] = accuracy.figure(task, said, images, targets)
    return found


def _int8(it: Measurement, expected: dict, fp32: dict) -> tuple[dict, str | None]:
    """Make the int8 candidate; return what is known of it, and why it is out already, if it is."""
    if it.provider != contenders.CPU:
        return {}, "int8 variants are made for the CPU, this was measured on CUDA"
    words = tasks.words(it.metadata["task"])
    if words.choice is None:
        return {}, f"the task {it.metadata['task']} has no top-1 to hold its accuracy to"
    images, _ = load_split(it.data, "train")
    flags = environment.machine()["flags"]
    try:
        count = it.settings.int8.calibration_images
        method = quantise.quantise(it.file, it.candidate, images, count, flags)
    except quantise.NotQuantisable as error:
        return {}, str(error)
    variant = {"method": method} | _variant(it, it.candidate, expected)
    drop = it.settings.int8.max_drop
    return variant, gate.too_inaccurate(
        fp32[f"val_{words.figure}"], variant[f"val_{words.figure}"], drop
    )


def _described(metadata: dict) -> dict:
    keys = ("name", "network", "task", "dataset", "catalogue", "real")
    found = {key: metadata[key] for key in keys}
    return found | {"parameters": metadata["metrics"]["parameters"]}
