"""The lines of dvc.yaml that each model needs: its curves, its confusions, its artifact.

DVC has no `foreach` for plots and artifacts, so they are written out.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from sightline import tasks
from sightline.layout import Layout
from sightline.settings.params import Model, Params
from sightline.settings.yaml_lines import Place, block, insert


def written(
    text: str, layout: Layout, settings: Params, names: Iterable[str]
) -> tuple[str, list[str]]:
    """Return dvc.yaml with the lines that it lacks of these models, and where these stand."""
    places: list[str] = []
    for name in names:
        model = settings.models[name]
        text, added = _with_curves(text, layout, settings, name, model)
        places += added
        if tasks.words(model.task).choice:
            text, added = _with_confusions(text, layout, name)
            places += added
        if name not in (yaml.safe_load(text).get("artifacts") or {}):
            text = insert(text, ("artifacts",), block({name: _artifact(layout, name, model)}))
            places.append(f"artifacts.{name}")
    return text, places


def lines_of(text: str, layout: Layout, name: str) -> Iterator[Place]:
    """Yield the places in dvc.yaml that speak of one model."""
    folders = tuple(f"{_own(layout, f(name).path)}/" for f in (layout.results, layout.trained))
    for index, title, plot in _plots(text):
        curves = _curves_of(plot)
        paths = [path for path in curves if path.startswith(folders)]
        if title.startswith(folders) or (paths and len(paths) == len(curves)):
            yield ("plots", index)
        else:
            yield from (("plots", index, title, "y", path) for path in paths)
    if name in (yaml.safe_load(text).get("artifacts") or {}):
        yield ("artifacts", name)


def titles(text: str) -> dict[int, str]:
    """Return the title of each plot in dvc.yaml, by its place in the list."""
    return {index: title for index, title, _ in _plots(text)}


def _with_curves(
    text: str, layout: Layout, settings: Params, name: str, model: Model
) -> tuple[str, list[str]]:
    words, curve = tasks.words(model.task), _own(layout, layout.trained(name).epochs)
    axes = {f"val_{words.figure}": f"{words.figure_name} on val", "train_loss": "training loss"}
    added = []
    for column, axis in axes.items():
        drawn = [_curves_of(plot).get(curve) for _, _, plot in _plots(text)]
        if column in drawn:
            continue
        place = _beside(text, layout, settings, model, column)
        title = str(place[2]) if place else f"{model.dataset}: {model.task}, {axis} by epoch"
        if place:
            text = insert(text, place, block({curve: column}))
        else:
            plot = {"title": title, "template": "linear", "x": "epoch", "y_label": axis}
            text = insert(text, ("plots",), _item({title: {**plot, "y": {curve: column}}}))
        added.append(f"plots: {title}: {curve}")
    return text, added


def _with_confusions(text: str, layout: Layout, name: str) -> tuple[str, list[str]]:
    table = _own(layout, layout.results(name).table("confusion"))
    if table in titles(text).values():
        return text, []
    title = f"{name}: is, and is taken for"
    plot = {"title": title, "template": "confusion", "x": "actual", "y": "predicted"}
    return insert(text, ("plots",), _item({table: plot})), [f"plots: {table}"]


def _artifact(layout: Layout, name: str, model: Model) -> dict[str, Any]:
    return {
        "path": _own(layout, layout.model(name).onnx),
        "type": "model",
        "desc": f"{model.network} on {model.dataset}, one self-contained ONNX file",
        "labels": ["onnx", model.dataset, model.network],
    }


def _beside(text: str, layout: Layout, settings: Params, model: Model, column: str) -> Place | None:
    """Return the place in dvc.yaml for one more curve beside those of like models; None without."""
    alike = {
        _own(layout, layout.trained(name).epochs)
        for name, other in settings.models.items()
        if (other.dataset, other.task) == (model.dataset, model.task)
    }
    for index, title, plot in _plots(text):
        if any(path in alike and columns == column for path, columns in _curves_of(plot).items()):
            return ("plots", index, title, "y")
    return None


def _plots(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for index, item in enumerate(yaml.safe_load(text).get("plots") or []):
        if isinstance(item, dict):
            yield from ((index, title, plot or {}) for title, plot in item.items())


def _curves_of(plot: Mapping[str, Any]) -> dict[str, Any]:
    y = plot.get("y")
    return y if isinstance(y, dict) else {}


def _item(value: Mapping[str, Any]) -> str:
    """Return YAML of one item of a list whose items are written at the list's own column."""
    first, *rest = block(dict(value)).splitlines(keepends=True)
    return "".join([f"- {first}", *(f"  {line}" for line in rest)])


def _own(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()
