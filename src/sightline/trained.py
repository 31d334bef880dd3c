"""The trained model as people use it: raw pixels in, named outputs out."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from sightline import networks, tasks
from sightline.errors import SightlineError
from sightline.networks.layers import normalise


class TrainedModel(nn.Module):
    """A network with its preprocessing inside. `description` is the content of model.json."""

    def __init__(self, description: dict):
        super().__init__()
        self.description = description
        self.task = tasks.task(description["task"])
        module = networks.module(description["network"])
        settings = module.Settings(**description["recipe"]["network"])
        self.network = module.Network(settings, description["shape"], description["outputs"])
        self.register_buffer("mean", torch.tensor(description["data"]["mean"]), persistent=False)
        self.register_buffer("std", torch.tensor(description["data"]["std"]), persistent=False)

    def forward(self, images: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Return the task's outputs by name, and features, N x F.

        `images` uint8 N x H x W x C, raw pixels; `lengths` int64 N, in steps, for recurrent
        networks (below 0: the whole sequence). classify: logits and probabilities, N x classes;
        next-row: next_row, N x H x W x C, 0 to 1; rotation: angle, N, in degrees.
        """
        x = normalise(images, self.mean, self.std)
        raw, features = self.task.read(self.network, x, lengths)
        return self.task.named(raw) | {"features": features}


def load_model(folder: Path) -> TrainedModel:
    """Return the model that `train` left in a folder, in evaluation mode, on the CPU.

    Raises SightlineError where it is missing or its weights do not fit the network's code.
    """
    try:
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        weights = torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise SightlineError(
            f"{error.filename}: no such file: run `dvc repro train@{folder.name}` first"
        ) from None
    model = TrainedModel(description)
    try:
        model.network.load_state_dict(weights)
    except RuntimeError as error:
        raise SightlineError(
            f"{folder / 'weights.pt'} does not fit the network {description['network']} as its "
            f"code stands now: run `dvc repro train@{folder.name}` "
            f"({' '.join(str(error).split())[:200]})"
        ) from None
    return model.eval()
