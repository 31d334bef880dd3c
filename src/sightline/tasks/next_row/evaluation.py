"""next-row: the error of each predicted row, beside two predictors that learn next to nothing."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from sightline.drawing import charts, sheets
from sightline.drawing.results_folder import ResultsFolder
from sightline.tasks.asking import BATCH, Model, answers, ask
from sightline.tasks.next_row.completion import complete

MODEL, PREVIOUS, MEAN = "model", "previous_row", "mean_row"
EXAMPLES = 12  # completed images


@dataclass(frozen=True)
class Baselines:
    """What the train split says about any image.

    `mean`: each pixel's mean, H x W x C, 0 to 1; `flips`: how often a pixel and the one above it
    differ, when each is drawn on with its intensity as probability.
    """

    mean: np.ndarray
    flips: float


def evaluate(
    model: Model,
    splits: dict[str, tuple[np.ndarray, np.ndarray]],
    train_images: np.ndarray,
    results: ResultsFolder,
) -> dict[str, dict[str, float]]:
    """Return the figures of each split; leave the table and the picture rows and the picture
    completed, all of test.

    `mse` is of a pixel, 0 to 1; `nll` in nats a pixel, Bernoulli's (`NextRow`).
    """
    baselines = learn(train_images)
    errors = {split: row_errors(model, images, baselines) for split, (images, _) in splits.items()}
    test, names = errors["test"], (MODEL, PREVIOUS, MEAN)
    results.table(
        "rows",
        ["row", *(f"mse_{name}" for name in names), *(f"nll_{name}" for name in names)],
        (
            (row, *(f"{test[name][i, row - 2]:.6f}" for i in (0, 1) for name in names))
            for row in range(2, test[MODEL].shape[1] + 2)
        ),
    )
    results.picture("rows", rows_chart(test, results.title))
    images = splits["test"][0]
    examples = np.array(images[np.linspace(0, len(images) - 1, EXAMPLES).astype(int)])
    results.picture("completed", completed(model, examples, results.title))
    return {split: figures_of_errors(errors[split]) for split in splits}


def learn(images: np.ndarray) -> Baselines:
    """Return the baselines of a train split, uint8 N x H x W x C."""
    total, flips = np.zeros(images.shape[1:]), 0.0
    for start in range(0, len(images), BATCH):
        x = images[start : start + BATCH].astype(np.float32) / 255
        total += x.sum(0)
        above, below = x[:, :-1], x[:, 1:]
        flips += float((above * (1 - below) + below * (1 - above)).mean((1, 2, 3)).sum())
    # as if half a pixel more had been on and half a one off: none is ever quite impossible
    return Baselines((total + 0.5) / (len(images) + 1), flips / len(images))


def row_errors(model: Model, images: np.ndarray, baselines: Baselines) -> dict[str, np.ndarray]:
    """Return for the model and both baselines: mean squared error and negative log-likelihood, 2 x
    H-1, of each row from the second on.

    Copying the previous row has a likelihood when a pixel may differ from the one above it: with
    the train split's own share of flips.
    """
    sums = {name: np.zeros((2, images.shape[1] - 1)) for name in (MODEL, PREVIOUS, MEAN)}
    for part, outputs in answers(model, images):
        x = np.array(images[part]).astype(np.float64) / 255
        above, row = x[:, :-1], x[:, 1:]
        mean = np.broadcast_to(baselines.mean[1:], row.shape)
        flipped = above + baselines.flips * (1 - 2 * above)
        predicted = outputs["next_row"][:, :-1].double().numpy()
        for name, guess, likely in (
            (MODEL, predicted, predicted),
            (PREVIOUS, above, flipped),
            (MEAN, mean, mean),
        ):
            likely = likely.clip(1e-7, 1 - 1e-7)  # float32's sigmoid may round to 0 or 1
            nll = -(row * np.log(likely) + (1 - row) * np.log1p(-likely))
            sums[name] += np.stack([(guess - row) ** 2, nll]).mean((3, 4)).sum(1)
    return {name: value / len(images) for name, value in sums.items()}


def figures_of_errors(errors: dict[str, np.ndarray]) -> dict[str, float]:
    """Return flat figures: mse and nll, and those of the baselines under their names.

    `mse_share` is the model's mse as a share of the better baseline's.
    """
    mse, nll = ({name: value[i].mean() for name, value in errors.items()} for i in (0, 1))
    figures = {"mse": mse[MODEL], "nll": nll[MODEL]}
    figures["mse_share"] = mse[MODEL] / min(mse[PREVIOUS], mse[MEAN])
    for name in (PREVIOUS, MEAN):
        figures |= {f"mse_{name}": mse[name], f"nll_{name}": nll[name]}
    return {key: round(float(value), 6) for key, value in figures.items()}


def rows_chart(errors: dict[str, np.ndarray], title: str) -> bytes:
    """Return a chart of the mean squared error by row as PNG."""
    figure, axes = charts.chart(
        (7, 4), title, xlabel="predicted row", ylabel="mean squared error of a pixel, 0 to 1"
    )
    names = {MODEL: "the model", PREVIOUS: "copy the previous row", MEAN: "mean row of train"}
    styles = {MODEL: "-", PREVIOUS: "--", MEAN: ":"}
    for name, label in names.items():
        values = errors[name][0]
        axes.plot(range(2, len(values) + 2), values, styles[name], label=label)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=len(names))
    return charts.png(figure)


def completed(model: Model, images: np.ndarray, title: str) -> Image.Image:
    """Return a picture: each image, its upper half, and what the model makes of that."""
    known = images.shape[1] // 2

    @torch.inference_mode()
    def next_row(rows: np.ndarray) -> np.ndarray:
        return ask(model, torch.from_numpy(rows.copy()))["next_row"].numpy()

    upper = images.copy()
    upper[:, known:] = 0
    lines = {
        "the image": images,
        "given: rows": upper,
        "completed": complete(next_row, images, known),
    }
    return sheets.lines_of_images(
        lines, {"given: rows": f"1 to {known}", "completed": "row by row"}, title
    )
