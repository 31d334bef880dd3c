"""The variants of a model, fp32 and int8: what each is worth beside its speed, and what its start
costs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sightline.benchmark import accuracy, contenders, environment, gate, quantise, records
from sightline.benchmark.records import Variant
from sightline.benchmark.speed import rounded
from sightline.benchmark.subject import Subject
from sightline.errors import SightlineError
from sightline.host.processors import cores

Outputs = dict[str, np.ndarray]


def describe(subject: Subject, path: Path, expected: Outputs) -> Variant:
    """Return a file's size, its figure on val and test, and its agreement with torch, whose
    answers to test are `expected`.
    """
    words = subject.task.words
    contender = contenders.exported(path, subject.provider, cores()).run
    variant: Variant = {"sha256": records.sha256(path), "bytes": path.stat().st_size}
    outputs = accuracy.answers(contender, subject.test[0])
    variant["against_torch"] = accuracy.agreement(outputs, expected, words.choice)
    variant[f"test_{words.figure}"] = accuracy.figure(subject.task, outputs, *subject.test)
    images, targets = subject.examples("val")
    outputs = accuracy.answers(contender, images) if len(images) else {}
    variant[f"val_{words.figure}"] = accuracy.figure(subject.task, outputs, images, targets)
    return variant


def int8(subject: Subject, expected: Outputs, fp32: Variant) -> tuple[Variant, str | None]:
    """Make the int8 variant; return its description, and why it is rejected before its speed is
    known, if it is. It is {} where no file was made.
    """
    if subject.provider != contenders.CPU:
        return {}, "int8 variants are made for the CPU, this was measured on CUDA"
    words = subject.task.words
    if words.choice is None:
        return {}, f"the task {subject.metadata['task']} has no top-1 to hold its accuracy to"
    settings, flags = subject.settings.int8, environment.machine()["flags"]
    images = subject.train_images(settings.calibration_images)
    try:
        method = quantise.quantise(
            subject.file,
            subject.int8_file,
            images,
            settings.calibration_images,
            flags,
            words.choice,
        )
    except quantise.NotQuantisable as error:
        return {}, str(error)
    variant = {"method": method, **describe(subject, subject.int8_file, expected)}
    val = f"val_{words.figure}"
    return variant, gate.too_inaccurate(fp32[val], variant[val], settings.max_drop)


def cold_start(subject: Subject, path: Path) -> dict[str, float]:
    """Return the medians of starting fresh processes with one thread, and their peak memory."""
    sizes = [1, max(subject.settings.batches)]
    starts = []
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy"
        np.save(images, subject.batch(sizes[-1]))
        command = [sys.executable, "-m", "sightline.benchmark.cold", str(path), subject.provider]
        command += ["1", ",".join(map(str, sizes)), str(images)]
        for _ in range(subject.settings.cold_starts):
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                cause = (result.stderr.strip().splitlines() or ["without a word"])[-1]
                raise SightlineError(f"{path}: a fresh process could not run it: {cause}")
            starts.append(json.loads(result.stdout))
    medians = {key: float(np.median([start[key] for start in starts])) for key in starts[0]}
    return {
        key: int(value) if key.startswith("peak") else rounded(value)
        for key, value in medians.items()
    } | {"starts": len(starts)}
