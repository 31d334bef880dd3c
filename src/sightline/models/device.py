"""The device on which a model computes: a GPU where there is one and it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sightline.errors import SightlineError, one_line
from sightline.models.trained import TrainedModel


def chosen(device: str) -> torch.device:
    """Return the device that compute.device, `auto`, `cpu` or `cuda`, means on this machine.

    Raises SightlineError where CUDA is asked for and not there: nothing falls back silently.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise SightlineError(
            "compute.device is cuda, but torch sees no CUDA device here: set it to auto or cpu, "
            "or run this on a GPU worker"
        )
    return torch.device("cuda" if cuda and device != "cpu" else "cpu")


@contextmanager
def placed(model: TrainedModel, device: str) -> Iterator[TrainedModel]:
    """Give a trained model, moved to the device that compute.device means here, to be asked.

    It computes in the threads of its training, which decide the bits, and in full float32: on a GPU
    torch would let convolutions round to ten bits, and the exported file does not. Raises
    SightlineError in place of an error of the GPU.
    """
    torch.set_num_threads(model.description["threads"])
    torch.backends.cudnn.allow_tf32 = False
    with gpu_errors(
        model.description["name"],
        "set compute.device to cpu, or end what else uses this one (nvidia-smi)",
        "run the same command again, or set compute.device to cpu",
    ):
        yield model.to(chosen(device))


@contextmanager
def gpu_errors(name: str, of_memory: str, else_: str) -> Iterator[None]:
    """Raise SightlineError in place of an error of the GPU about a model, with what to do about it:
    `of_memory` where its memory is too small.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SightlineError(
            f"{name}: the GPU has too little memory ({one_line(error)[:200]}): {of_memory}"
        ) from None
    except torch.AcceleratorError as error:
        raise SightlineError(
            f"{name}: the GPU failed ({one_line(error)[:200]}): see what nvidia-smi says of it; "
            f"{else_}"
        ) from None
