"""Which execution provider measures: CUDA where there is one, and never another than was named."""

import logging

import onnxruntime

from sightline.benchmark.contenders import CPU, CUDA
from sightline.errors import SightlineError
from sightline.host import gpus

logger = logging.getLogger(__name__)


def choose(wanted: str) -> str:
    """Return the provider for `wanted` (auto, cpu, cuda); a GPU that is passed over is
    named in the log.

    Raises SightlineError where CUDA is asked for and is not there.
    """
    has_cuda, devices = CUDA in onnxruntime.get_available_providers(), gpus.visible()
    if wanted == "cpu" or (wanted == "auto" and not devices):
        return CPU
    if has_cuda and devices:
        return CUDA
    lack = "this onnxruntime has no CUDA: install onnxruntime-gpu in its place"
    if not devices:
        lack = "no CUDA device is here"
    if wanted == "cuda":
        raise SightlineError(f"benchmark.provider is cuda, but {lack}, or set it to auto or cpu")
    logger.warning("a GPU is here, but %s; measuring on the CPU", lack)
    return CPU
