"""What a page says in figures of its own, worked out from the results and from nothing else."""

import math

from sightline.report.page_model import PageModel


def decades(model: PageModel, when: str) -> float | None:
    """Return by how many powers of ten the gradient shrinks from the last step back to the first.

    Below 0 where it grows; None where it is 0 at the first. `when` is before or after training.
    """
    norms = model.column("gradients", when)
    last = next((norm for norm in reversed(norms) if norm), 0.0)
    return math.log10(last / norms[0]) if norms[0] and last else None


def rows_to_half(model: PageModel) -> int:
    """Return after how many rows a model first has half of the figure that it has at the end."""
    values = model.column("first_rows", model.key)
    return next(row for row, value in enumerate(values, 1) if value >= values[-1] / 2)


def sharing(models: list[PageModel]) -> str:
    """Return sentences that compare the best cnn with the best mlp of one task; empty where one is
    missing or the task does not choose among classes.

    The last one tells after which epoch the cnn's figure on val had reached the mlp's final one.
    """
    best: dict[str, PageModel] = {}
    for model in (model for model in models if model.chooses):
        network = model.description["network"]
        if network not in best or model.test_figure > best[network].test_figure:
            best[network] = model
    if not {"cnn", "mlp"} <= set(best):
        return ""
    cnn, mlp = best["cnn"], best["mlp"]
    ratio = mlp.description["parameters"] / cnn.description["parameters"]
    text = (
        f"{mlp.name} has {mlp.description['parameters']:,} parameters and a "
        f"{mlp.words.figure_name} of {mlp.test_figure:.2%} on test; {cnn.name} has "
        f"{cnn.description['parameters']:,} and {cnn.test_figure:.2%}: for each of its parameters "
        f"the mlp has {ratio:.2g}."
    )
    goal = mlp.epochs[-1][f"val_{mlp.key}"]
    if goal:
        epochs = (row for row in cnn.epochs if float(row[f"val_{cnn.key}"] or 0) >= float(goal))
        passed = next(epochs, None)
        text += (
            f" On val the cnn was as good as the mlp at its end after epoch {passed['epoch']} of "
            f"{len(cnn.epochs)}."
            if passed
            else " On val the cnn never was as good as the mlp at its end."
        )
    return text
