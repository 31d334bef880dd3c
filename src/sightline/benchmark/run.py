"""What `sightline benchmark` does: measure what has no record yet, and print it."""

import logging
from collections.abc import Iterable

from sightline import gpus, params
from sightline.benchmark import environment, records, tables
from sightline.benchmark.settings import Benchmark
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.params import Params

logger = logging.getLogger(__name__)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def benchmark(names: Iterable[str], layout: Layout, force: bool = False) -> None:
    """Measure these models, or those of params.yaml that are exported, and print what came out."""
    settings = params.load(layout)
    measured = []
    for name, key in due(names, layout, settings, force).items():
        measured.append(measure(name, layout, settings.benchmark, key))
    print(tables.speed(measured))


def due(
    names: Iterable[str], layout: Layout, settings: Params, force: bool = False
) -> dict[str, dict]:
    """Return the models to measure, each with what its record will answer for.

    Those that are named; without a name, those that are exported and whose file, machine, versions
    or settings have no record yet (with `force`, all that are exported).
    """
    from dataclasses import asdict

    named = list(names)
    for name in named:
        settings.model(name)
    machine, versions = environment.machine(), environment.versions()
    found = {}
    for name in named or settings.models:
        if not named and not (layout.model(name) / "model.onnx").is_file():
            logger.info("%s is not exported yet: left out", name)
            continue
        key = records.key(layout, name, machine, versions, asdict(settings.benchmark))
        if named or force or not records.current(layout, name, key):
            found[name] = key
    return found


def measure(name: str, layout: Layout, settings: Benchmark, key: dict) -> dict:
    """Measure one model, write its record and return it."""
    from sightline.benchmark import measure as measuring

    record, timings = measuring.measure(name, layout, settings, provider(settings))
    record = {"format": records.FORMAT, "key": key, **record}
    path = records.write(layout, record, timings)
    logger.info("%s: %s", name, path)
    return record | {"path": str(path)}


def provider(settings: Benchmark) -> str:
    """Return the execution provider to measure on, and say why it is not CUDA where there is a GPU.

    Raises SightlineError where CUDA is asked for and onnxruntime has none.
    """
    import onnxruntime

    has_cuda = CUDA in onnxruntime.get_available_providers()
    if settings.provider == "cuda" and not has_cuda:
        raise SightlineError(
            "benchmark.provider is cuda, but onnxruntime has no CUDAExecutionProvider here: "
            "install onnxruntime-gpu in place of onnxruntime, or set it to auto or cpu"
        )
    if settings.provider == "cpu":
        return CPU
    if not gpus.visible():
        if settings.provider == "cuda":
            raise SightlineError("benchmark.provider is cuda, but there is no CUDA device here")
        return CPU
    if not has_cuda:
        logger.warning(
            "a GPU is here, but this onnxruntime cannot use it: measuring on the CPU "
            "(onnxruntime-gpu in place of onnxruntime has CUDA)"
        )
        return CPU
    return CUDA
