"""Who takes part: the exported file in onnxruntime, and torch eager as the baseline."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

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


def eager(files: TrainedFiles, provider: str) -> Contender:
    """Return torch eager, channels_last, with the weights of a trained model.

    numpy in and numpy out, like onnxruntime; on CUDA the copies are part of the call for both. How
    many threads it uses is set by `torch_threads`.
    """
    import torch

    from sightline.models.trained import load_model

    device = "cuda" if provider == CUDA else "cpu"
    model = load_model(files)
    # torch's own overloads leave memory_format out
    model.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.inference_mode()
    def answer(images: np.ndarray) -> dict[str, np.ndarray]:
        outputs = model(torch.from_numpy(images).to(device))
        return {name: values.cpu().numpy() for name, values in outputs.items()}

    return answer


def torch_threads(count: int) -> None:
    """Let torch use this many threads for one call."""
    import torch

    torch.set_num_threads(count)
