"""What a file must pass before anybody gets it: form, recurrent nodes, axes, equality to torch."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch

from sightline.errors import SightlineError
from sightline.inference.session import Session
from sightline.layout import file_with_lengths
from sightline.models.trained import TrainedModel, least_side

# of the largest value of an image's output; float32 sums in another order stay 10 times below it
TOLERANCE = 1e-4
SMALL = 0.01  # values below it carry the rounding of larger ones: features that ReLU all but closed
TIE = 1e-5  # of the largest value: two classes as close as this are told apart by rounding alone
CHUNK = 256  # images at a time over the test split
BATCHES = (1, 2, 257)  # one, few, more than any example and no power of two
RECURRENT = ("LSTM", "GRU", "RNN")


@dataclass
class Differences:
    """The largest difference between torch and onnxruntime, for each output."""

    scales: dict[str, float]  # of outputs that have one (`Task.scales`)
    absolute: dict[str, float] = field(default_factory=dict)
    relative: dict[str, float] = field(default_factory=dict)

    def add(self, expected: dict, actual: dict, where: str) -> None:
        """Compare two sets of outputs; SightlineError where they differ by more than TOLERANCE.

        Relative to the largest value of the image's output: a recurrent state may grow large, and
        what is small beside it carries its rounding.
        """
        for name, wanted in expected.items():
            got = actual[name]
            if got.shape != wanted.shape:
                raise SightlineError(
                    f"{where}: {name} is {list(got.shape)}, torch's is {list(wanted.shape)}"
                )
            rows = len(wanted)
            gap = np.abs(got - wanted).reshape(rows, -1).max(axis=1, initial=0)
            scale = np.abs(wanted).reshape(rows, -1).max(axis=1, initial=0)
            least = self.scales.get(name, SMALL)
            share = float((gap / np.maximum(scale, least)).max(initial=0))
            if not share <= TOLERANCE:  # so that NaN fails too
                raise SightlineError(
                    f"{where}: {name} differs from torch's by {share:.1e} of its largest value, "
                    f"at most {TOLERANCE:.0e} is rounding"
                )
            self.absolute[name] = max(self.absolute.get(name, 0), float(gap.max(initial=0)))
            self.relative[name] = max(self.relative.get(name, 0), share)


def check(
    path: Path, model: TrainedModel, images: np.ndarray, targets: np.ndarray
) -> dict[str, int | float]:
    """Return the figures of a file that passes every check, as flat scalars for export.json.

    `images` uint8 N x H x W x C and `targets` N: the task's questions of the test split, N at
    least 1.
    Raises SightlineError that says which check failed and by how much.
    """
    for file in filter(None, (path, file_with_lengths(path))):
        proto = onnx.load(file, load_external_data=False)
        _check_form(proto)
        _check_recurrent_nodes(proto, model)
        _check_axes(proto, model)
    session = Session(path, threads=model.description["threads"])
    differences = Differences(model.task.scales)
    for where, inputs in _cases(model, images):
        differences.add(_torch(model, *inputs), session.run(*inputs), where)
    figures = _all_of_split(session, model, images, targets, differences)
    for name in differences.absolute:
        figures[f"max_difference_{name}"] = _two_digits(differences.absolute[name])
        figures[f"max_relative_difference_{name}"] = _two_digits(differences.relative[name])
    if model.network.takes_lengths and model.network.any_height:
        padding = _padding(session, model, images)
        figures["max_relative_difference_padding"] = _two_digits(max(padding.relative.values()))
    return figures


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def _check_form(proto: onnx.ModelProto) -> None:
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise SightlineError(f"{tensor.name} lies in another file, this one must hold it all")
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        why = " ".join(str(error).split())
        raise SightlineError(f"the ONNX checker refuses it: {why}") from None


def _check_recurrent_nodes(proto: onnx.ModelProto, model: TrainedModel) -> None:
    """One native node per layer; none means that the recurrence was unrolled, its length frozen."""
    expected = Counter()
    for module in model.modules():
        if isinstance(module, torch.nn.RNNBase):
            kind = module.mode.partition("_")[0]  # RNN_TANH and RNN_RELU are both RNN
            expected[kind] += module.num_layers
    actual = Counter(n.op_type for n in proto.graph.node if n.op_type in RECURRENT)
    if actual != expected:
        raise SightlineError(
            f"its recurrent nodes are {dict(actual)}, one for each layer is {dict(expected)}"
        )


def _check_axes(proto: onnx.ModelProto, model: TrainedModel) -> None:
    height, width, channels = model.description["shape"]
    rows = "height" if model.network.any_height or model.any_size else height
    expected = {"images": ["batch", rows, "width" if model.any_size else width, channels]}
    for value in proto.graph.input:
        shape, wanted = _axes(value), (expected | {"lengths": ["batch"]}).get(value.name)
        if shape != wanted:
            raise SightlineError(f"input {value.name} is {shape}, it must be {wanted}")
    if optional := {v.name for v in proto.graph.input} & {t.name for t in proto.graph.initializer}:
        raise SightlineError(f"input {', '.join(optional)} is optional: runtimes lose such inputs")
    for value in proto.graph.output:
        shape = _axes(value)
        if shape[:1] != ["batch"]:
            raise SightlineError(
                f"output {value.name} is {shape}: its first axis must be the batch"
            )


def _axes(value: onnx.ValueInfoProto) -> list[int | str]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _cases(model: TrainedModel, images: np.ndarray) -> Iterator[tuple[str, tuple]]:
    """Real images in all the shapes that the contract promises, and where each case stands."""
    for batch in BATCHES:
        asked = np.resize(images, (batch, *images.shape[1:]))
        yield f"batch of {batch}", (asked,)
        if model.network.takes_lengths:
            steps = images.shape[1] * model.network.steps_per_row
            yield f"batch of {batch} with lengths", (asked, 1 + np.arange(batch) % steps)
    if model.network.any_height:
        two = np.resize(images, (2, *images.shape[1:]))
        height = images.shape[1]
        for asked in (two[:, :1], two[:, : -(-height // 2)], np.concatenate([two, two], 1)):
            yield f"{asked.shape[1]} rows", (asked,)
    if model.any_size:
        two = np.resize(images, (2, *images.shape[1:]))
        higher = np.concatenate([two, two[:, : 1 + images.shape[1] // 2]], axis=1)
        least = least_side(model)
        smallest = two[:, :least, :least]
        for asked in (smallest, higher, higher.swapaxes(1, 2), np.concatenate([two, two], 2)):
            sides = " x ".join(map(str, asked.shape[1:3]))
            yield f"{sides} pixels", (np.ascontiguousarray(asked),)


def _padding(session: Session, model: TrainedModel, images: np.ndarray) -> Differences:
    """Compare sequences with the same, padded: what stands behind an end must not count."""
    differences = Differences(model.task.scales)
    height = images.shape[1]
    for rows in sorted({1, -(-height // 2), max(1, height - 1)}):
        short = np.resize(images, (3, *images.shape[1:]))[:, :rows]
        padding = np.full((3, height, *images.shape[2:]), 255, np.uint8)
        padded = np.concatenate([short, padding], axis=1)
        lengths = np.full(3, rows * model.network.steps_per_row)
        alone, with_padding = session.run(short), session.run(padded, lengths)
        for name, values in alone.items():  # an output with a value per row: its real rows
            with_padding[name] = with_padding[name][tuple(map(slice, values.shape))]
        differences.add(alone, with_padding, f"{rows} rows, then padding of 255")
    return differences


def _all_of_split(
    session: Session,
    model: TrainedModel,
    images: np.ndarray,
    targets: np.ndarray,
    differences: Differences,
) -> dict[str, int | float]:
    """Compare every image of the test split, and the task's figure of both sides."""
    scores = {"torch": 0.0, "onnxruntime": 0.0}
    near_ties, choice = 0, model.task.words.choice
    for start in range(0, len(images), CHUNK):
        part = slice(start, start + CHUNK)
        asked, wanted = np.array(images[part]), torch.from_numpy(np.array(targets[part]))
        expected, got = _torch(model, asked), session.run(asked)
        differences.add(expected, got, f"test images from {start}")
        for side, outputs in (("torch", expected), ("onnxruntime", got)):
            named = {name: torch.from_numpy(value) for name, value in outputs.items()}
            batch_scores = model.task.scores(named, torch.from_numpy(asked), wanted)
            scores[side] += batch_scores.double().sum().item()
        if choice:
            near_ties += _near_ties(expected[choice], got[choice], start)
    key = model.task.words.figure
    figures: dict[str, int | float] = {"images": len(images)}
    for side, total in scores.items():
        figures[f"{key}_{side}"] = round(model.task.figure(total / len(images)), 6)
    return figures | ({"near_ties": near_ties} if choice else {})


def _near_ties(expected: np.ndarray, got: np.ndarray, start: int) -> int:
    """Return how many answers differ where torch itself all but ties: its two classes are within
    TIE of each other. Any other difference is an error.
    """
    one, other = expected.argmax(1), got.argmax(1)
    differing = np.flatnonzero(one != other)
    for index in differing:
        row = expected[index]
        margin = (row[one[index]] - row[other[index]]) / max(np.abs(row).max(), SMALL)
        if margin > TIE:
            raise SightlineError(
                f"test image {start + index}: onnxruntime says class {other[index]}, torch "
                f"{one[index]}, by {margin:.1e} of the largest value: no tie"
            )
    return len(differing)


@torch.inference_mode()
def _torch(
    model: TrainedModel, images: np.ndarray, lengths: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    steps = None if lengths is None else torch.from_numpy(lengths)
    outputs = model(torch.from_numpy(np.ascontiguousarray(images)), steps)
    return {name: value.numpy() for name, value in outputs.items()}
