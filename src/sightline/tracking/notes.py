"""What a model's run says in words: Markdown, shown by the MLflow UI."""

from sightline.drawing.text import markdown
from sightline.tracking import view
from sightline.tracking.locked_results import LockedResults


def warning(data: dict) -> str:
    """Return one line that says what the data is; in bold where it is not real."""
    if data["real"]:
        return markdown(data["note"])
    return f"**Not real data** (catalogue `{data['catalogue']}`): {markdown(data['note'])}"


def run_note(model: LockedResults, commit: str | None, dirty: bool) -> str:
    """Return the note of one run: what it is, its figures, how to make it again."""
    description, results = model.description, model.results()
    splits = [split for split in ("val", "test") if split in model.metrics]
    keys = list(model.metrics[splits[-1]])
    rows = [f"| | {' | '.join(splits)} |", "|---" * (len(splits) + 1) + "|"]
    for key in keys:
        values = (results.get(f"{split}/{key}") for split in splits)
        rows.append(f"| {key} | {' | '.join('' if v is None else f'{v:.4f}' for v in values)} |")
    lines = [
        f"Network **{description['network']}** on **{model.dataset}**, task **{model.task}**, "
        f"recipe `{description['recipe']['name']}`.",
        warning(description["data"]),
        "\n".join(rows),
        f"{description['parameters']:,} parameters, {results['flops']:,.0f} FLOPs an image, "
        f"{results['onnx_bytes'] / 1e3:,.0f} kB as ONNX. {_trained(model.timing)}",
    ]
    if "val" not in splits:
        lines.append("No val split: this model is never chosen as champion.")
    steps = f"git checkout {commit}\n" if commit else ""
    lines.append(f"Make it again:\n\n```\n{steps}dvc repro log@{model.name}\n```")
    if dirty:
        lines.append(
            "Files that are not part of that commit had been changed: the hashes of what was "
            "really used stand in this run's artifact `reports/dvc.lock.json`."
        )
    return "\n\n".join(lines)


def _trained(timing: dict | None) -> str:
    if timing is None:
        return "Trained on another machine, which kept how long it took."
    return (
        f"Trained in {timing['seconds']:.0f} s on {timing['processor']} "
        f"({timing['threads']} threads, {timing['dtype']})."
    )


def title_note(model: LockedResults) -> str:
    """Return the description of the registered model, and the end of the experiment's."""
    words = model.words
    best = "highest" if words.higher_is_better else "lowest"
    return (
        f"Models for the task {model.task} on {model.dataset}. "
        f"{warning(model.data)}\n\n"
        f"The alias `champion` marks the {best} `val/{words.figure}` among the versions "
        "whose data, and so whose val split, is that of the newest version. The test "
        "split decides nothing."
    )


def experiment_note(model: LockedResults, experiment_id: str) -> str:
    """Return the description of the experiment, with links to what people look for first."""
    links = (
        f"[The champion]({view.registered_model(model.title)})",
        f"[the runs, best first]({view.page(experiment_id, 'TABLE')})",
        f"[in charts]({view.page(experiment_id, 'CHART')})",
    )
    return " · ".join([*links, title_note(model)])  # one paragraph: MLflow folds the others


def version_note(model: LockedResults) -> str:
    """Return the one-line description of one version of the registered model."""
    key, value = model.deciding_figure
    figure = f"{key} {value:.4f}" if value is not None else "no val split"
    network, recipe = model.description["network"], model.description["recipe"]["name"]
    return f"{model.name}: {network}, recipe {recipe}, {figure}"
