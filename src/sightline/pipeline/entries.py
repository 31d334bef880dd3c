"""Datasets and models of one's own, written into the catalogue, params.yaml and dvc.yaml, and taken
out again.
"""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sightline import tasks
from sightline.data import preview
from sightline.data.preprocess import BrokenImageError
from sightline.errors import SightlineError
from sightline.files import write_atomically
from sightline.layout import PIPELINE, Layout
from sightline.pipeline import model_lines
from sightline.pipeline.beginning import beginning
from sightline.pipeline.overview import show
from sightline.pipeline.validate import validate
from sightline.settings import catalogue, params, steps
from sightline.settings.explain import nearest
from sightline.settings.yaml_file import read_yaml
from sightline.settings.yaml_lines import Place, block, delete, insert

_OWN = "own"  # the catalogue of one's own datasets: the demo's can change beside it
VAL_SIZE, TEST_SIZE = 0.1, 0.2  # test_size only where a dataset has no test split of its own
_KNOWS_PHOTOGRAPHS = "mobilenet-v2-imagenet-v1"  # small, and what docs/networks.md measures
_SMALL = 160  # pixels of images below which such weights lose much of what they know

Texts = Mapping[Path, str]


def add_dataset(
    layout: Layout,
    name: str,
    source: str,
    size: int,
    channels: int,
    note: str | None,
    terms: str,
    broken_images: str,
) -> None:
    """Print what a folder or an archive of class folders holds, then write its entries.

    It is fetched and preprocessed beside the workspace first, so that whatever the stages would
    refuse is refused before anything is written.
    """
    settings = params.load(layout)
    path = layout.catalogue(_OWN)
    if name in settings.datasets or name in catalogue.load(path):
        raise SightlineError(
            f"there is a dataset '{name}' in {layout.params} or {path} already: take another name, "
            f"or run `sightline remove {name}` first"
        )
    entry = {
        "format": "folder",
        "real": True,
        "note": note or f"{name}: images of our own",
        "terms": terms,
        "files": [_file(name, source)],
    }
    new = {path: insert(_read(path), (), block({name: entry}), blank=True)}
    with preview.beside(layout) as project:
        try:
            _write(layout, project, new)
            dataset = {"catalogue": _OWN, "image_size": size, "channels": channels}
            dataset["val_size"] = VAL_SIZE
            if not preview.has_test(project, project.catalogue(path.stem), name):
                dataset["test_size"] = TEST_SIZE
            dataset |= {"seed": 0, "broken_images": broken_images}
            lines = block({name: dataset})
            new[layout.params] = insert(_read(layout.params), ("datasets",), lines)
            _write(layout, project, new)
            checked = params.load(project).dataset(name)
            show(project, name, checked, layout.own_state.sheet(name))
            validate(project)
        except BrokenImageError as error:
            # there is no entry yet in which a person could leave it out
            raise BrokenImageError(error.image, "add `--broken-images skip`") from None
        except SightlineError as error:
            raise _of_workspace(error, project) from None
    _keep(new, {path: [name], layout.params: [f"datasets.{name}"]})
    print(f"next: sightline add model {name}-cnn --dataset {name} --network cnn")
    print(
        f"or, from weights that know photographs (better at --size 224): sightline add model "
        f"{name}-tuned --dataset {name} --start {_KNOWS_PHOTOGRAPHS}"
    )


def add_model(
    layout: Layout,
    name: str,
    dataset: str,
    network: str | None,
    task: str | None,
    recipe: str | None,
    start: str,
) -> None:
    """Write a model's entries; without `recipe`, one made for the number of images as well.

    Weights that it starts from are added to those that are fetched, and say its network.
    """
    settings, content = params.load(layout), read_yaml(layout.params, "")
    task = task or tasks.USUAL
    settings.dataset(dataset)
    begun = beginning(layout, settings, start)
    if not (network := network or begun.network):
        raise SightlineError(
            f"{start} does not say the network of {name}: name it with --network (cnn, resnet, ..)"
        )
    if name in settings.models:
        raise SightlineError(
            f"there is a model '{name}' in {layout.params} already: take another name, or run "
            f"`sightline remove {name}` first"
        )
    text, places = _read(layout.params), [f"models.{name}"]
    if begun.fetched and start not in settings.weights:
        if "weights" in content:
            text = insert(text, ("weights",), f"- {start}\n")
        else:
            text = insert(text, (), f"weights:\n- {start}\n")
        places.append(f"weights: {start}")
    if recipe is None:
        if name in settings.recipes:
            raise SightlineError(f"there is a recipe '{name}' already: name one with --recipe")
        images = steps.train_images(layout, dataset) or _count(layout, settings, dataset)
        if begun.settings is not None:
            made = steps.recipe_to_tune(images, begun.settings)
        else:
            usual = content["recipes"][_usual(settings, dataset, network, task)]
            made = steps.recipe_for(images, settings.dataset(dataset).image_size, usual)
        text = insert(text, ("recipes",), block({name: made}))
        places.append(
            f"recipes.{name}, for {images:,} train images: batches of {made['batch_size']}, "
            f"{made['epochs']} epochs, nothing mirrored"
        )
    model = {"dataset": dataset, "network": network, "task": task, "recipe": recipe or name}
    text = insert(text, ("models",), block({name: {**model, "seed": 0, "start": start}}))
    new = {layout.params: text}
    pipeline = layout.root / PIPELINE
    settings.models[name] = params.Model(dataset, network, task, recipe or name, 0, start)
    new[pipeline], lines = model_lines.written(_read(pipeline), layout, settings, [name])
    with preview.beside(layout) as project:
        try:
            _write(layout, project, new)
            settings = validate(project)
        except SightlineError as error:
            raise _of_workspace(error, project) from None
    _keep(new, {layout.params: places, pipeline: lines})
    for warning in steps.few_steps(settings, layout, [name]):
        logging.warning(warning)
    if begun.fetched and (size := settings.dataset(dataset).image_size) < _SMALL:
        logging.warning(
            "%s has images of %d pixels, and %s are weights of larger ones: image_size: 224 for it "
            "in %s tells more (docs/networks.md)",
            *(dataset, size, start, layout.params),
        )
    print(f"next: sightline repro log@{name}")


def remove(layout: Layout, name: str) -> None:
    """Take out a model with its lines in dvc.yaml, or a dataset of which there is no model."""
    settings = params.load(layout)
    if name in settings.models:
        entries: list[Place] = [("models", name)]
        recipe, start = settings.models[name].recipe, settings.models[name].start
        others = [model for key, model in settings.models.items() if key != name]
        if recipe == name and all(model.recipe != recipe for model in others):
            entries.append(("recipes", name))
        if start in settings.weights and all(model.start != start for model in others):
            entries.append(("weights", settings.weights.index(start)))
        pipeline = layout.root / PIPELINE
        lines = model_lines.lines_of(_read(pipeline), layout, name)
        places = {layout.params: entries, pipeline: list(lines)}
    elif name in settings.datasets:
        if models := [key for key, model in settings.models.items() if model.dataset == name]:
            raise SightlineError(
                f"{name} has models ({', '.join(models)}): `sightline remove` these first"
            )
        path = layout.catalogue(settings.catalogue_of(name))
        places = {path: [(name,)], layout.params: [("datasets", name)]}
    else:
        known = [*settings.models, *settings.datasets]
        raise SightlineError(f"no model or dataset '{name}': {nearest(name, known)}")
    dense = (layout.params, layout.root / PIPELINE)  # no empty lines between entries
    new = {
        path: delete(_read(path), entries, blank=path not in dense)
        for path, entries in places.items()
    }
    with preview.beside(layout) as project:
        try:
            _write(layout, project, new)
            params.load(project)
        except SightlineError as error:
            raise _of_workspace(error, project) from None
    titles = model_lines.titles(_read(layout.root / PIPELINE))
    shown = {path: [_shown(place, titles) for place in at] for path, at in places.items()}
    _keep(new, shown, "taken out of")


def remove_demo(layout: Layout) -> None:
    """Take out every dataset that is drawn, and the models of it: the machinery stays.

    The catalogue keeps its entries, and params.yaml its recipes.
    """
    settings = params.load(layout)
    paths = {name: layout.catalogue(settings.catalogue_of(name)) for name in settings.datasets}
    drawn = [name for name, path in paths.items() if not catalogue.entry(path, name).real]
    models = [name for name, model in settings.models.items() if model.dataset in drawn]
    if not drawn:
        raise SightlineError(f"{layout.params}: no dataset is drawn: nothing of the demo is left")
    pipeline = layout.root / PIPELINE
    text, places = _read(pipeline), [*(("models", name) for name in models)]
    for name in models:
        text = delete(text, model_lines.lines_of(text, layout, name))
    places += [("datasets", name) for name in drawn]
    new = {layout.params: delete(_read(layout.params), places), pipeline: text}
    with preview.beside(layout) as project:
        try:
            _write(layout, project, new)
            validate(project)
        except SightlineError as error:
            raise _of_workspace(error, project) from None
    shown = [".".join(place) for place in places]
    _keep(new, {layout.params: shown, pipeline: [f"lines of {len(models)} models"]}, "taken out of")


def _file(name: str, source: str) -> dict[str, Any]:
    if source.startswith("https://"):
        file = source.split("?")[0].rsplit("/", 1)[-1]
        digest = {"sha256": preview.sha256(source)}
        return {"name": file, "role": "images", "urls": [source], **digest}
    path = Path(source).expanduser().resolve()
    if not path.exists():
        raise SightlineError(f"{source}: no such file or folder, and no https:// URL")
    suffix = ".zip" if path.suffix.lower() == ".zip" else ".tar"
    return {"name": f"{name}{suffix}", "role": "images", "urls": [path.as_uri()]}


def _usual(settings: params.Params, dataset: str, network: str, task: str) -> str:
    """Return the recipe of the model that is most like the new one; else one that is called after
    the network.
    """
    used = [model for model in settings.models.values() if model.network == network]
    channels = settings.dataset(dataset).channels
    if not used:
        named = [name for name in settings.recipes if name.partition("-")[0] == network]
        if not named:
            raise SightlineError(
                f"no model has the network '{network}' yet, so name a recipe for it with --recipe: "
                f"{', '.join(settings.recipes)}"
            )
        return max(named, key=lambda name: ("colour" in name) == (channels == 3))
    best = max(
        used, key=lambda m: (m.task == task, settings.dataset(m.dataset).channels == channels)
    )
    return best.recipe


def _count(layout: Layout, settings: params.Params, dataset: str) -> int:
    with preview.beside(layout) as project:
        try:
            preview.has_test(project, layout.catalogue(settings.catalogue_of(dataset)), dataset)
            classes = preview.counts(project, dataset, settings.dataset(dataset))
        except SightlineError as error:
            raise _of_workspace(error, project) from None
    return sum(images["train"] for images in classes.values())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SightlineError(f"{path}: no such file: run this in the project's folder") from None


def _write(layout: Layout, project: Layout, new: Texts) -> None:
    """Write the settings of a workspace, with these changes, into another project."""
    paths = [layout.params, *map(layout.catalogue, layout.catalogues())]
    paths += [path for path in (layout.weights_catalogue,) if path.exists()]
    for path in {*paths, *new}:
        target = project.root / path.relative_to(layout.root)
        write_atomically(target, new.get(path) or _read(path))


def _of_workspace(error: SightlineError, project: Layout) -> SightlineError:
    """Return an error that names files by their place in the workspace."""
    return type(error)(str(error).replace(f"{project.root}/", ""))


def _keep(new: Texts, places: Mapping[Path, Iterable[str]], verb: str = "written into") -> None:
    for path, text in new.items():
        write_atomically(path, text)
        for place in places[path]:
            print(f"{verb} {path}: {place}")


def _shown(place: Place, titles: Mapping[int, str]) -> str:
    section, *rest = place
    if section == "weights":
        return "weights"
    if section == "plots" and isinstance(rest[0], int):
        return f"plots: {titles[rest[0]]}"
    return ".".join(str(part) for part in place)
