"""Who takes part: the exported file in onnxruntime, torch eager as the baseline, and what a person
asks for beside them: the file in OpenVINO, torch.compile.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from sightline.errors import SightlineError
from sightline.inference.session import Session
from sightline.layout import TrainedFiles

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
LEVELS = {
    "none": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}

Contender = Callable[[np.ndarray], dict[str, np.ndarray]]  # images in, outputs by name out


def exported(path: Path, provider: str, threads: int, level: str = "all") -> Session:
    """Return the file opened with exactly this provider; SightlineError where it would be another.

    It is opened by the class that `sightline predict` uses: what that costs a call is measured too.
    """
    return Session(path, provider, threads, LEVELS[level])


def openvino(path: Path, threads: int) -> Contender:
    """Return the file in OpenVINO, on the CPU, with so many threads.

    Raises SightlineError where OpenVINO is not installed: it is no dependency of Sightline's.
    """
    try:
        import openvino  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise SightlineError(
            "benchmark.beside names openvino, which is not installed: `uv pip install openvino`, "
            "or take it out of params.yaml"
        ) from None
    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()

    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = request.infer({"images": images})
        return {port.get_any_name(): np.array(values) for port, values in outputs.items()}

    return answer


def eager(files: TrainedFiles, provider: str, compiled: bool = False) -> Contender:
    """Return torch eager, channels_last, with the weights of a trained model; or `compiled` by
    torch.compile, for each size of batch by itself.

    numpy in and numpy out, like onnxruntime; on CUDA the copies are part of the call for both. How
    many threads it uses is set by `torch_threads`.
    """
    import torch

    from sightline.models.trained import load_model

    device = "cuda" if provider == CUDA else "cpu"
    model = load_model(files)
    # torch's own overloads leave memory_format out
    model.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    ask = torch.compile(model, dynamic=False) if compiled else model

    @torch.inference_mode()
    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = ask(torch.from_numpy(images).to(device))
        return {name: values.cpu().numpy() for name, values in outputs.items()}

    return answer


def torch_threads(count: int) -> None:
    """Let torch use this many threads for one call."""
    import torch

    torch.set_num_threads(count)
