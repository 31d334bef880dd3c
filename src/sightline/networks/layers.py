"""What the networks share: the form of a network, pixels in and out of sequences, recurrence."""

from typing import Literal

import torch
from torch import Tensor, nn

from sightline.settings.section import Count, Natural, Switch, section


class Network(nn.Module):
    """A network is `features`, then `head`, a linear layer. Subclasses set `feature_size`.

    `shape` is (height, width, channels) of the images, `outputs` the size of what `head` returns.
    """

    takes_lengths = False  # whether `features` understands sequences of different lengths
    any_height = False  # whether images may have more or fewer rows than `shape` says
    any_size = False  # whether images may be higher and wider than `shape` says, or less so
    steps_per_row = 1  # what `lengths` counts
    multiplies_outside_layers = False  # whether functions multiply matrices, as attention does

    def __init__(self, shape: tuple[int, int, int], outputs: int, feature_size: int):
        super().__init__()
        self.shape = tuple(shape)
        self.feature_size = feature_size
        self.head = nn.Linear(feature_size, outputs)

    def prepare(self, images: Tensor) -> None:
        """Set, before the first step, what comes from the data itself; most networks have nothing.

        `images`: some thousands of the train split, normalised, N x C x H x W.
        """

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return N x feature_size from normalised float images, N x C x H x W."""
        raise TypeError(f"{type(self).__module__} does not define features()")

    def forward(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the head's N x outputs."""
        return self.head(self.features(images, lengths))


def normalise(images: Tensor, mean: Tensor, std: Tensor, any_width: bool = False) -> Tensor:
    """Return float N x C x H x W, zero mean and unit variance, from uint8 N x H x W x C.

    The permutation moves no memory: NHWC bytes are torch's channels_last, the fast layout. In an
    exported graph the width is fixed, unless `any_width`: the same values, computed more slowly.
    """
    if any_width:
        mean, std = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        return (images.permute(0, 3, 1, 2).float() / 255.0 - mean) / std
    # Spread over a row, 255 too, because onnxruntime steps through what it broadcasts along the
    # innermost axis one span at a time: with N x H x W x 3, or x 1 and a scalar, a span is a pixel.
    shape = (-1, 1, int(images.shape[2]))  # int: fixed in an exported graph
    mean, std, full = (
        values.view(-1, 1, 1).expand(shape) for values in (mean, std, torch.full_like(mean, 255.0))
    )
    return (images.permute(0, 3, 1, 2).float() / full - mean) / std


@section
class RecurrentSettings:
    """The size of a recurrent network, and how it reads an image as a sequence.

    `sequence`: rows (H steps of W x C values), pixels (H x W steps of C values) or
    permuted-pixels (the same in an order fixed by the image's size alone).
    """

    hidden_size: Count
    layers: Count = 1
    bidirectional: Switch = False
    sequence: Literal["rows", "pixels", "permuted-pixels"] = "rows"


@section
class GatedSettings(RecurrentSettings):
    """`memory`: over how many steps gates hold a state before anything is learned; 0: the network's
    own start, which forgets within some ten steps. For sequences of hundreds.
    """

    memory: Natural = 0

    def __post_init__(self) -> None:
        if self.memory in (1, 2):
            raise ValueError(f"memory is {self.memory}, it must be at least 3 steps, or 0: off")


class Recurrent(Network):
    """Reads a sequence step by step with the same weights at every step (shared over time).

    Subclasses define `cell(inputs, hidden)`, one recurrent layer. `lengths` (N, in steps; below 0
    means all) says where each sequence ends: what stands behind changes nothing, because a step
    sees only its past, and the backward direction reads each sequence from its own last step.
    """

    takes_lengths = True
    order: Tensor  # of the pixels, where they are permuted
    bptt_steps = 0  # how far back in time a gradient goes in training; 0: to the start

    def __init__(self, settings: RecurrentSettings, shape: tuple[int, int, int], outputs: int):
        height, width, channels = shape
        directions = 2 if settings.bidirectional else 1
        super().__init__(shape, outputs, settings.hidden_size * directions)
        self.sequence = settings.sequence
        self.any_height = settings.sequence != "permuted-pixels"
        self.steps_per_row = 1 if settings.sequence == "rows" else width
        inputs = width * channels if settings.sequence == "rows" else channels
        sizes = [inputs] + [self.feature_size] * (settings.layers - 1)
        self.onward = nn.ModuleList(self.cell(size, settings.hidden_size) for size in sizes)
        self.backward_in_time = nn.ModuleList(
            self.cell(size, settings.hidden_size) for size in sizes if settings.bidirectional
        )
        if settings.sequence == "permuted-pixels":
            draw = torch.Generator().manual_seed(0)
            order = torch.randperm(height * width, generator=draw, device="cpu")
            self.register_buffer("order", order)

    def cell(self, inputs: int, hidden: int) -> nn.RNNBase:
        """Return one recurrent layer, initialised; it takes and gives T x N x values."""
        raise TypeError(f"{type(self).__module__} does not define cell()")

    def cells(self) -> list[nn.RNNBase]:
        """Return all recurrent layers, those that read onward first."""
        layers = (*self.onward, *self.backward_in_time)
        return [layer for layer in layers if isinstance(layer, nn.RNNBase)]

    def steps(self, images: Tensor) -> Tensor:
        """Return the images as sequences, N x T x values per step."""
        rows = images.permute(0, 2, 3, 1)
        if self.sequence == "rows":
            return rows.flatten(2)
        pixels = rows.flatten(1, 2)
        return pixels if self.sequence == "pixels" else pixels[:, self.order]

    def states(self, sequence: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the top layer's hidden states, N x T x feature_size."""
        return self.time_first(sequence, lengths).transpose(0, 1)

    def time_first(self, sequence: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the top layer's hidden states, T x N x feature_size: time first, as torch's and
        onnxruntime's recurrent layers compute, so that nothing is copied around them.
        """
        sequence = sequence.transpose(0, 1)
        for index, onward in enumerate(self.onward):
            states = self.through(onward, sequence)
            if self.backward_in_time:
                mirrored = reverse(sequence, lengths)
                back = reverse(self.through(self.backward_in_time[index], mirrored), lengths)
                states = torch.cat([states, back], dim=2)
            sequence = states
        return sequence

    def through(self, layer: nn.Module, sequence: Tensor) -> Tensor:
        """Return one layer's hidden states, T x N x hidden_size.

        In training with `bptt_steps` k the sequence passes in parts of k steps: each goes on from
        the state that the part before it left, and sends no gradient back through it (truncated
        backpropagation through time, Williams and Peng 1990). Forward, nothing differs.
        """
        if not (self.training and self.bptt_steps):
            return layer(sequence)[0]
        parts, state = [], None
        for part in sequence.split(self.bptt_steps):
            states, state = layer(part, state)
            parts.append(states)
            lstm = isinstance(state, tuple)  # its state is two tensors, hidden and cell
            state = tuple(s.detach() for s in state) if lstm else state.detach()
        return torch.cat(parts)

    def features(self, images: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the state that has seen the whole sequence, N x feature_size."""
        states = self.time_first(self.steps(images), lengths)
        if not self.backward_in_time:
            return last(states, lengths)
        onward, back = states.chunk(2, dim=2)
        return torch.cat([last(onward, lengths), back[0]], dim=1)


@torch.no_grad()
def hold(bias: Tensor, memory: int) -> None:
    """Set the biases of gates so that they hold a state for 1 to `memory` steps, some more and some
    less (chrono initialisation, Tallec and Ollivier 2018, arXiv:1804.11188, equation 16).
    """
    bias.uniform_(1, memory - 1).log_()


def last(states: Tensor, lengths: Tensor | None) -> Tensor:
    """Return each sequence's state at its last step, N x F, of states T x N x F."""
    if lengths is None:
        return states[-1]
    steps, count, size = states.shape
    ends = torch.where(lengths < 0, steps, lengths).clamp(1, steps) - 1
    return states.gather(0, ends.view(1, -1, 1).expand(1, count, size))[0]


def reverse(sequence: Tensor, lengths: Tensor | None) -> Tensor:
    """Return T x N x V with the first `lengths` steps of each sequence in reverse order."""
    if lengths is None:
        return sequence.flip(0)
    steps = sequence.shape[0]
    ends = torch.where(lengths < 0, steps, lengths).clamp(1, steps).view(1, -1)
    step = torch.arange(steps, device=sequence.device).view(-1, 1)
    index = torch.where(step < ends, ends - 1 - step, step)
    return sequence.gather(0, index.unsqueeze(2).expand_as(sequence))
