"""What training asks of a network, in one module: the loss and the scores of a batch of raw pixels.

One module, because DistributedDataParallel averages gradients for calls of a module's `forward`.
"""

import logging

import torch
from torch import Tensor, nn

from sightline.models.trained import TrainedModel
from sightline.networks.layers import normalise
from sightline.training.device import Place

logger = logging.getLogger(__name__)


class Objective(nn.Module):
    """A model and its task's loss, computed in the dtype of the place, compiled if it says so."""

    def __init__(self, trained: TrainedModel, place: Place):
        super().__init__()
        self.trained, self.task = trained, trained.task
        self.read = self.task.read
        if place.compile:  # for each size of batch: val's would make every size a symbol
            self.read = torch.compile(self.read, dynamic=False)
        self.dtype = place.dtype
        if self.dtype != torch.float32 and trained.network.takes_lengths:
            # autocast runs cuDNN's recurrent layers in float16 whatever it is asked for, in which
            # the small gradients of early steps are 0 (AutocastRNN.cpp); on a CPU oneDNN has no
            # such LSTM for most processors, and torch ends
            self.dtype = torch.float32
            logger.info("float32: torch has no bfloat16 for recurrent layers")

    def forward(
        self,
        images: Tensor,
        targets: Tensor,
        lengths: Tensor | None = None,
        smoothing: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, and its scores, N, without a gradient.

        `images` uint8 N x H x W x C, as the task poses them; `lengths` as in `Task`.
        """
        raw = self.raw(images, lengths)
        loss = self.task.loss(raw, images, targets, lengths, smoothing)
        outputs = self.task.named(raw.detach())
        return loss, self.task.scores(outputs, images, targets, lengths)

    def raw(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return what the head answers to uint8 images, as float32."""
        x = normalise(images, self.trained.mean, self.trained.std)
        x = x.contiguous(memory_format=torch.channels_last)
        mixed = self.dtype != torch.float32
        with torch.autocast(images.device.type, self.dtype, enabled=mixed):
            return self.read(self.trained.network, x, lengths)[0].float()
