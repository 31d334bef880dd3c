"""params.yaml as validated, typed objects. The one place that reads it."""

import difflib
import re
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Literal, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from sightline import networks, tasks
from sightline.benchmark.settings import Benchmark
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.training.recipe import Compute, Model, Recipe

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Dataset:
    """How a dataset is preprocessed.

    `val_size`: the share of train that becomes val; `test_size`: the share that becomes test first,
    for a folder of images that has no test split of its own.
    """

    __pydantic_config__ = {"extra": "forbid"}
    image_size: int
    channels: Literal[1, 3]
    val_size: float
    test_size: float = 0.0
    seed: int = 0
    broken_images: Literal["stop", "skip"] = "stop"

    def __post_init__(self):
        if self.image_size < 1:
            raise ValueError(f"image_size is {self.image_size}, it must be at least 1 pixel")
        for name, share in (("val_size", self.val_size), ("test_size", self.test_size)):
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share}, it must be at least 0 and below 1")


@dataclass(frozen=True)
class Evaluation:
    """How models are tested. `test_time_views`: what they are asked about besides each image."""

    __pydantic_config__ = {"extra": "forbid"}
    test_time_views: Literal["none", "flip", "flip-translate"] = "none"


@dataclass(frozen=True)
class Flows:
    """When and how flows run the stages. Times in seconds, `time_limits` by kind of stage."""

    __pydantic_config__ = {"extra": "forbid"}
    cpu_slots: int = 1
    lock_wait: float = 3600.0
    retries: int = 3
    retry_delay: float = 5.0
    time_limits: dict[str, float] = field(default_factory=dict)

    def __post_init__(self):
        if self.cpu_slots < 1:
            raise ValueError(f"cpu_slots is {self.cpu_slots}, it must be at least 1")
        limits = {f"time_limits.{kind}": limit for kind, limit in self.time_limits.items()}
        for name, value in {"retry_delay": self.retry_delay, **limits}.items():
            if value <= 0:
                raise ValueError(f"{name} is {value}, it must be above 0 seconds")
        if self.retries < 0 or self.lock_wait < 0:
            raise ValueError("retries and lock_wait cannot be negative")


@dataclass(frozen=True)
class Params:
    """The whole of params.yaml."""

    __pydantic_config__ = {"extra": "forbid"}
    catalogue: str
    datasets: dict[str, Dataset]
    models: dict[str, Model]
    recipes: dict[str, Recipe]
    compute: Compute
    evaluation: Evaluation = field(default_factory=Evaluation)
    flows: Flows = field(default_factory=Flows)
    benchmark: Benchmark = field(default_factory=Benchmark)

    def dataset(self, name: str) -> Dataset:
        """Return one dataset's entry; SightlineError with the nearest name where there is none."""
        return _entry(self.datasets, name, "dataset", "datasets")

    def recipe(self, name: str) -> Recipe:
        """Return one recipe; SightlineError with the nearest name where there is none."""
        return _entry(self.recipes, name, "recipe", "recipes")

    def model(self, name: str) -> tuple[Model, Recipe]:
        """Return one model's entry and its recipe; SightlineError where there is none."""
        model = _entry(self.models, name, "model", "models")
        return model, self.recipes[model.recipe]


def load(layout: Layout) -> Params:
    """Read and check params.yaml: types, ranges, keys and the names that entries refer to.

    Imports no torch: the settings under a recipe's `network:` are checked by `check_networks`.
    Raises SightlineError with one line per mistake.
    """
    path = layout.params
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SightlineError(
            f"{path}: no such file: run this in the project's folder, where dvc.yaml lies"
        ) from None
    except yaml.YAMLError as error:
        raise SightlineError(f"{path} is not valid YAML: {_one_line(error)}") from None
    try:
        params = TypeAdapter(Params).validate_python(raw)
    except ValidationError as error:
        raise SightlineError(explain(path, error, Params)) from None
    mistakes = list(_wrong_names(params, layout))
    if mistakes:
        raise SightlineError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return params


def check_networks(params: Params, layout: Layout) -> None:
    """Check each model's network settings against its network's own `Settings`, and whether such a
    network can do the model's task. Imports torch.
    """
    mistakes = []
    for name, model in params.models.items():
        settings, recipe = networks.module(model.network).Settings, params.recipes[model.recipe]
        try:
            TypeAdapter(settings).validate_python(recipe.network)
        except ValidationError as error:
            where = f"recipes.{model.recipe}.network"
            mistakes.append(
                f"{explain(layout.params, error, settings, where)} (used by models.{name})"
            )
        else:
            if said := tasks.mistake(model.task, model.network, recipe):
                mistakes.append(
                    f"{layout.params}: models.{name}: {model.network} with recipe {model.recipe} "
                    f"cannot do {model.task}: {said}"
                )
    if mistakes:
        raise SightlineError("\n".join(mistakes))


def nearest(name: object, known) -> str:
    """Return the ending of an error line: the name that was probably meant, and all there are."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}There are: {', '.join(known) or 'none'}"


def _entry(table: dict, name: str, kind: str, section: str):
    if name not in table:
        raise SightlineError(
            f"no {kind} '{name}' under {section}: in params.yaml: {nearest(name, table)}"
        )
    return table[name]


def _wrong_names(params: Params, layout: Layout):
    catalogues = [p.stem for p in layout.catalogue("x").parent.glob("*.yaml")]
    if params.catalogue not in catalogues:
        yield f"catalogue: no '{params.catalogue}': {nearest(params.catalogue, catalogues)}"
    for section in (params.datasets, params.models, params.recipes):
        for name in section:
            if not _NAME.fullmatch(name):
                yield f"'{name}' is not a usable name: small letters, digits and hyphens only"
    for name, model in params.models.items():
        for kind, value, known in (
            ("dataset", model.dataset, params.datasets),
            ("network", model.network, networks.names()),
            ("recipe", model.recipe, params.recipes),
        ):
            if value not in known:
                yield f"models.{name}.{kind}: no {kind} '{value}': {nearest(value, known)}"


def _known_keys(root: type, place: tuple) -> list[str]:
    """The keys that `root`, a dataclass, knows at the place of an unknown key."""
    kind = root
    for part in place[:-1]:
        kind = get_type_hints(kind)[part] if is_dataclass(kind) else get_args(kind)[-1]
        if isinstance(kind, UnionType):  # an optional section: X | None
            kind = get_args(kind)[0]
    return [f.name for f in fields(kind)]


def explain(path: Path, error: ValidationError, root: type, prefix: str = "") -> str:
    """Return one line per mistake that pydantic found in `path`, checked as dataclass `root`.

    `prefix` is the place in the file at which `root` begins.
    """
    lines = []
    for item in error.errors():
        where = ".".join([prefix] * bool(prefix) + [str(part) for part in item["loc"]])
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            said = f"unknown key: {nearest(item['loc'][-1], _known_keys(root, item['loc']))}"
        elif item["type"] == "value_error":
            said = str(item["ctx"]["error"])
        else:
            said = f"{item['msg'][0].lower()}{item['msg'][1:]}, not {item['input']!r}"
            if item["type"] == "missing":
                said = "this key is required"
        lines.append(f"{path}: {where}: {said}")
    return "\n".join(lines)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
