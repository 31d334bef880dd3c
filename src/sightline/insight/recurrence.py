"""What a recurrent network does with time: gradients back through it, gates, what it knows when."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.drawing import charts
from sightline.drawing.charts import COLOURS, Line, plot_lines
from sightline.drawing.results_folder import ResultsFolder
from sightline.images.random_numbers import seed_weights
from sightline.models.trained import TrainedModel
from sightline.networks.layers import Recurrent, normalise
from sightline.tasks.asking import ask

BACK = 256  # images whose gradients are averaged
# in torch's order of weights; what is no gate has no name
GATES = {nn.LSTM: ("input", "forget", None, "output"), nn.GRU: ("reset", "update", None)}


State = Tensor | tuple[Tensor, Tensor] | None  # of an LSTM two tensors, hidden and cell


class Unrolled(nn.Module):
    """A recurrent layer run step by step, so that the state between two steps can be looked at.

    It computes what the layer computes, and keeps each step's `inputs` (N x V) and `hidden`
    (1 x N x H).
    """

    def __init__(self, cell: nn.RNNBase):
        super().__init__()
        self.cell = cell
        self.inputs: list[Tensor] = []
        self.hidden: list[Tensor] = []

    def forward(self, sequence: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the states, T x N x H, of a sequence T x N x V, and the last one as the layer has
        it.

        One and the same tensor goes on to the next step and out of the layer: its gradient is then
        all of dLoss/dh_t, over all later steps.
        """
        hidden = []
        for step in sequence.split(1):
            _, state = self.cell(step, state)
            hidden.append(state[0] if isinstance(state, tuple) else state)
            self.inputs.append(step[0])
        self.hidden += hidden
        return torch.cat(hidden), state


def _top(network: Recurrent) -> nn.RNNBase:
    """Return the top layer, of those that read forwards."""
    layer = network.onward[-1]
    assert isinstance(layer, nn.RNNBase)
    return layer


@contextmanager
def unrolled(network: Recurrent) -> Iterator[Unrolled]:
    """Have the network's top layer (that which reads forwards) run step by step."""
    cell = _top(network)
    network.onward[-1] = layer = Unrolled(cell)
    try:
        yield layer
    finally:
        network.onward[-1] = cell


def leave(model: TrainedModel, images: Tensor, targets: Tensor, results: ResultsFolder) -> None:
    """Leave tables and pictures of test images, uint8 N x H x W x C, and their targets: gradients;
    gates, where the cell has such; first_rows, where classes are read downwards.
    """
    network = model.network
    leave_gradients(model, images[:BACK], targets[:BACK], results)
    open_ = gates(model, images[:1])
    if open_:
        means = [values.mean(1) for values in open_.values()]
        results.table("gates", ["step", *open_], _rows(range(1, len(means[0]) + 1), *means))
        beside = network.any_height and network.steps_per_row == 1
        title = f"The gates while it reads one image\n{results.title}"
        results.picture("gates", gates_figure(title, images[0].numpy(), open_, beside))
    words = model.task.words
    if words.choice and network.any_height and not network.backward_in_time:
        accuracy = accuracy_by_rows(model, images, targets)
        rows, name = range(1, len(accuracy) + 1), words.figure_name
        results.table("first_rows", ["rows", words.figure], _rows(rows, accuracy))
        title = f"{name.capitalize()} after the first rows of {len(images)} images\n{results.title}"
        line = Line(name, rows, accuracy, COLOURS[0])
        results.picture("first_rows", _chart(title, "rows seen", name, [line]))


def leave_gradients(
    model: TrainedModel, images: Tensor, targets: Tensor, results: ResultsFolder
) -> None:
    """Leave the table and the picture gradients: norms by step, before and after training."""
    first = first_step_with_ink(model.network, images)
    before = gradient_norms(untrained(model), images, targets)[first:]
    after = gradient_norms(model, images, targets)[first:]
    steps = range(first + 1, first + 1 + len(after))
    results.table("gradients", ["step", "before", "after"], _rows(steps, before, after))
    title = f"How much of the gradient comes back to step t\n{results.title}"
    lines = [
        Line("before training", steps, before, COLOURS[0], "--"),
        Line("after training", steps, after, COLOURS[1]),
    ]
    results.picture("gradients", _chart(title, "step t", "mean ||dLoss/dh_t||", lines, log=True))


def _rows(steps: range, *columns: np.ndarray) -> Iterator[tuple]:
    """Yield the lines of a table: a step and what belongs to it, to six digits."""
    for step, *values in zip(steps, *columns, strict=True):
        yield step, *(f"{value:.6g}" for value in values)


def _chart(title: str, x_label: str, y_label: str, lines: list[Line], log: bool = False) -> bytes:
    figure, axes = charts.chart((7, 4.2), title, xlabel=x_label, ylabel=y_label)
    plot_lines(axes, lines, log)
    return charts.png(figure)


def untrained(model: TrainedModel) -> TrainedModel:
    """Return the model as its training began: the weights that its seed draws."""
    seed_weights(model.description["seed"])
    return TrainedModel(model.description).eval().to(model.mean.device)


def gradient_norms(model: TrainedModel, images: Tensor, targets: Tensor) -> np.ndarray:
    """Return ||dLoss/dh_t|| for each step t, the mean over the images: T values.

    Loss: the task's, of one image; h_t: the hidden state of the top layer, whose gradient comes
    back through all steps after t (Pascanu et al. 2013, arXiv:1211.5063, equation 4).
    `images` uint8 N x H x W x C, `targets` N: as the task has them.
    """
    images, targets = (values.to(model.mean.device) for values in (images, targets))
    x = normalise(images, model.mean, model.std)
    # cuDNN's recurrent layers have no gradient in evaluation mode
    with unrolled(model.network) as layer, torch.backends.cudnn.flags(enabled=False):
        raw, _ = model.task.read(model.network, x, None)
        # N means are a sum: no image's loss depends on another's state, so each row of the
        # gradient is that image's own
        loss = model.task.loss(raw, images, targets) * len(images)
        gradients = torch.autograd.grad(loss, layer.hidden)
    return torch.cat(gradients).norm(dim=2).mean(1).cpu().numpy()


def first_step_with_ink(network: Recurrent, images: Tensor) -> int:
    """Return the first step (0 is the first of all) that reads something in half of the images.

    A row without contrast shows nothing: MNIST's digits begin at about the fifth. Where a step
    is a pixel it is the first of that row, and 0 where the order of pixels is permuted.
    """
    if not network.any_height:
        return 0
    rows = images.flatten(2)
    ink = (rows.amax(2) > rows.amin(2)).float().mean(0) >= 0.5
    return int(ink.int().argmax()) * network.steps_per_row


@torch.inference_mode()
def gates(model: TrainedModel, image: Tensor) -> dict[str, np.ndarray]:
    """Return how far each gate is open, 0..1, at every step of one image, T x units, by its name.

    Of an LSTM's top layer input, forget and output, of a GRU's reset and update (1 keeps the old
    state); nothing for cells without gates. `image` uint8 1 x H x W x C.
    """
    cell = _top(model.network)
    names = GATES.get(type(cell))
    if names is None:
        return {}
    with unrolled(model.network) as layer:
        ask(model, image)
    inputs, after = torch.cat(layer.inputs), torch.cat(layer.hidden)[:, 0]
    before = torch.cat([torch.zeros_like(after[:1]), after[:-1]])
    weights = dict(cell.named_parameters())
    total = functional.linear(inputs, weights["weight_ih_l0"], weights["bias_ih_l0"])
    total += functional.linear(before, weights["weight_hh_l0"], weights["bias_hh_l0"])
    parts = total.sigmoid().chunk(len(names), dim=1)
    return {name: part.cpu().numpy() for name, part in zip(names, parts, strict=True) if name}


@torch.inference_mode()
def accuracy_by_rows(model: TrainedModel, images: Tensor, labels: Tensor) -> np.ndarray:
    """Return the share of right answers after the first 1, 2, .. H rows of the images: H values.

    A network that reads in one direction knows at each step what it has read so far: the head is
    asked at the end of each row. `images` uint8 N x H x W x C, `labels` int64 N.
    """
    network = model.network
    images, labels = (values.to(model.mean.device) for values in (images, labels))
    states = network.states(network.steps(normalise(images, model.mean, model.std)))
    row = network.steps_per_row
    predicted = network.head(states[:, row - 1 :: row]).argmax(2)
    return (predicted == labels.view(-1, 1)).double().mean(0).cpu().numpy()


def gates_figure(
    title: str, image: np.ndarray, open_: dict[str, np.ndarray], beside: bool
) -> bytes:
    """Return one image, uint8 H x W x C, and its gates, T x units each, as PNG.

    Units are sorted by how open they are on average. With `beside` a step is a row of the image,
    and stands beside it.
    """
    widths = [1.1, *(1.6 for _ in open_), 1.1]
    figure = charts.canvas((10, 4.4), title)
    grid = figure.add_gridspec(1, len(widths), width_ratios=widths)
    axes = figure.add_subplot(grid[0], title="the image", xlabel="column", ylabel="row")
    aspect = "auto" if beside else "equal"
    axes.imshow(image if image.shape[2] == 3 else image[..., 0], cmap="gray", aspect=aspect)
    mean = figure.add_subplot(grid[-1], title="how open", xlabel="mean of the units", xlim=(0, 1))
    for place, (name, values) in enumerate(open_.items()):
        axes = figure.add_subplot(grid[place + 1], xlabel="unit, sorted")
        axes.set_title(f"{name} gate", color=COLOURS[place])  # that of its line in the last panel
        order = np.argsort(values.mean(0), kind="stable")
        shown = axes.imshow(
            values[:, order], vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        mean.plot(values.mean(1), range(len(values)), c=COLOURS[place])
    mean.set_ylim(len(values) - 0.5, -0.5)
    mean.grid(alpha=0.3)
    figure.colorbar(shown, ax=figure.axes, label="0 closed, 1 open", shrink=0.8)
    return charts.png(figure)
