"""The trained model as people use it: raw pixels in, named outputs out."""

import errno
import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sightline import networks, tasks
from sightline.errors import SightlineError, one_line
from sightline.layout import TrainedFiles
from sightline.models.description import read_description, train_again, trained_on_crops
from sightline.networks.layers import normalise


class TrainedModel(nn.Module):
    """A network with its preprocessing inside. `description` is the content of model.json.

    `any_size`: whether it answers about images of other heights and widths than its own: a network
    that can, trained on crops, which show things at many sizes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, description: dict[str, Any]):
        super().__init__()
        self.description = description
        self.task = tasks.task(description["task"])
        module = networks.module(description["network"])
        settings = module.Settings(**description["recipe"]["network"])
        self.network = module.Network(settings, description["shape"], description["outputs"])
        self.any_size = self.network.any_size and trained_on_crops(description)
        self.register_buffer("mean", torch.tensor(description["data"]["mean"]), persistent=False)
        self.register_buffer("std", torch.tensor(description["data"]["std"]), persistent=False)

    def forward(self, images: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Return the task's outputs by name (`Words.outputs`), and features, N x F.

        `images` uint8 N x H x W x C, raw pixels; `lengths` int64 N, in steps, for recurrent
        networks (below 0: all steps).
        """
        x = normalise(images, self.mean, self.std, self.any_size)
        raw, features = self.task.read(self.network, x, lengths)
        return self.task.named(raw) | {"features": features}


@torch.no_grad()
def least_side(model: TrainedModel) -> int:
    """Return the side, in pixels, of the smallest square that the network reads.

    At most that of its own images. Below it a layer of the network has nothing left to look at.
    """
    own, _, channels = model.description["shape"]
    for side in range(1, own):
        try:
            features = model.network.features(torch.zeros(1, channels, side, side))
        except RuntimeError:  # of a pool or a filter larger than what it is to look at
            continue
        if features.isfinite().all():
            return side
    return own


def load_model(files: TrainedFiles) -> TrainedModel:
    """Return the model that `train` left, in evaluation mode, on the CPU.

    Raises SightlineError where it is missing or damaged, or its weights do not fit the network's
    code.
    """
    again, description = train_again(files), read_description(files)
    weights = read_state(files.weights, again)
    try:
        model = TrainedModel(description)
        model.network.load_state_dict(weights)
    except (ModuleNotFoundError, RuntimeError, TypeError, ValueError) as error:
        raise SightlineError(
            f"{files.weights} does not fit the network {description['network']} as its code stands "
            f"now: {again} ({one_line(error)[:200]})"
        ) from None
    return model.eval()


def read_state(path: Path, again: str) -> dict[str, Tensor]:
    """Return the state dict of a file of torch, on the CPU.

    Nothing of the file is run: torch's `weights_only`. Raises SightlineError, ending in `again`,
    where the file is missing or damaged, or holds something else than tensors.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise SightlineError(f"{path}: no such file: {again}") from None
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # a seek before a cut file
            raise
        why = one_line(error)[:200]
        raise SightlineError(f"{path} is damaged ({why}): {again}") from None


def serialise(value: dict[str, Any]) -> bytes:
    """Return equal bytes for equal tensors: torch.save writes a file's name into it, a buffer has
    none.
    """
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
