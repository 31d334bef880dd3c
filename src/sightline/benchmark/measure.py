"""One model measured: its variants in every scenario beside torch, and what belongs to them."""

import os
from dataclasses import asdict
from typing import Any

from sightline.benchmark import accuracy, contenders, environment, gate, provider, speed, variants
from sightline.benchmark.energy import Energy
from sightline.benchmark.records import Record
from sightline.benchmark.scenarios import FP32, INT8, Timing
from sightline.benchmark.subject import Subject
from sightline.host.processors import cores
from sightline.layout import Layout
from sightline.settings.benchmark import Benchmark


def measure(name: str, layout: Layout, settings: Benchmark) -> tuple[Record, dict[str, Timing]]:
    """Return the record of one model, without its key, and the raw values by name.

    The accepted int8 variant lies in benchmarks/int8/ afterwards; a rejected one is gone.
    Raises SightlineError where the model is not exported or cannot run where it should.
    """
    # what a flow sets for stages side by side would slow torch's threads, which are alone here
    os.environ.pop("OMP_WAIT_POLICY", None)
    subject = Subject(name, layout, settings, provider.choose(settings.provider))
    load = environment.Load()
    contenders.torch_threads(cores())
    expected = accuracy.answers(subject.eager, subject.test[0])
    files = {FP32: subject.file}
    described = {FP32: variants.describe(subject, subject.file, expected)}
    described[INT8], why_not = variants.int8(subject, expected, described[FP32])
    if why_not is None:
        files[INT8] = subject.int8_file
    energy = Energy()
    figures, timings = speed.measure(subject, files)
    joules = energy.joules()
    levels, overhead = speed.levels(subject), speed.overhead(subject)
    if why_not is None:
        why_not = gate.not_faster(timings, settings)
    described[INT8] |= {"accepted": why_not is None, "why_not": why_not}
    for variant, path in files.items():
        described[variant]["cold_start"] = variants.cold_start(subject, path)
    if why_not is not None:
        subject.int8_file.unlink(missing_ok=True)
    record = {
        "model": _model(subject.metadata),
        "environment": _environment(subject, load),
        "joules": joules,  # of all contenders' figures together; None: no counter can be read
        "settings": asdict(settings),
        "variants": described,
        "figures": figures,
        "levels": levels,
        "overhead_microseconds": overhead,
    }
    return record, timings


def _model(metadata: dict[str, Any]) -> dict[str, Any]:
    keys = ("name", "network", "task", "dataset", "catalogue", "real")
    parameters = metadata["metrics"]["parameters"]
    return {key: metadata[key] for key in keys} | {"parameters": parameters}


def _environment(subject: Subject, load: environment.Load) -> dict[str, Any]:
    shares = load.result()
    busiest = max(shares["others_before"], shares["others_during"])
    return {
        "time": load.time,
        "machine": environment.machine(),
        "versions": environment.versions(),
        "provider": subject.provider,
        "load": shares,
        "busy": busiest > subject.settings.busy,
    }
