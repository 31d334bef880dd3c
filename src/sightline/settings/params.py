"""params.yaml as validated, typed objects. The one place that reads it."""

import re
from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings.benchmark import Benchmark
from sightline.settings.explain import explain, nearest
from sightline.settings.recipe import Recipe
from sightline.settings.section import (
    Count,
    Integer,
    Natural,
    NonNegative,
    Number,
    Positive,
    Seed,
    Share,
    Switch,
    section,
)
from sightline.settings.yaml_file import read_yaml

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
RANDOM = "random"  # the start of a model that begins with nothing


@section
class AskedForm:
    """How large val and test are: squares of `image_size` pixels, which hold the middle of the
    image, `crop` of its shorter side.
    """

    image_size: Annotated[Count, Field(le=4096)]
    crop: Annotated[Positive, Field(le=1)] = 1.0


@section
class Dataset:
    """Where a dataset comes from, and how it is preprocessed.

    `catalogue`: the one that lists it; None: the one that params.yaml names for all.
    `longer_side`: how much of the longer side of train images is kept, up to so many times
    `image_size`; 1: the square in the middle. `evaluation`: the form of val and test; None: that of
    train's squares. `val_size`: the share of train that becomes val; `test_size`: the share that
    becomes test first, for a folder of images that has no test split of its own.
    """

    image_size: Annotated[Count, Field(le=4096)]
    channels: Annotated[Literal[1, 3], BeforeValidator(TypeAdapter(Integer).validate_python)]
    val_size: Share
    test_size: Share = 0.0
    longer_side: Annotated[Number, Field(ge=1, le=4)] = 1.0
    evaluation: AskedForm | None = None
    seed: Seed = 0
    broken_images: Literal["stop", "skip"] = "stop"
    catalogue: str | None = None

    @property
    def asked_size(self) -> int:
        """The side, in pixels, of the squares that a model is asked about: val and test."""
        return self.evaluation.image_size if self.evaluation else self.image_size


@section
class Model:
    """One network trained on one dataset for one task with one recipe.

    `start`: the model or the weights that it begins with, or `random`. dvc.yaml reads this key of
    every model, so `sightline.models.check` asks for it; None: it is not written.
    """

    dataset: str
    network: str
    task: str
    recipe: str
    seed: Integer = 0
    start: str | None = None

    @property
    def begins_with(self) -> str | None:
        """What weights it begins with; None where they are random."""
        return None if self.start == RANDOM else self.start


@section
class Compute:
    """Where and how training computes. `threads`, of each process, decides the bits of the result.

    `processes`: those that share every batch (`sightline.training.ranks`); `sync_batch_norm`: on
    GPUs, batch norms use the statistics of the whole batch instead of each process's part.
    `compile`: torch.compile makes one program of the network, with its own last bits.
    `resident_gib`: what may be kept on the device of images, of each split and process; None: 4 GiB
    on the CPU, a third of what a GPU has free. It decides no bit.
    `checkpoint_seconds`: the time between checkpoints, which decides nothing but what a kill costs.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[Count, Field(le=4096)] = 1
    processes: Count = 1
    sync_batch_norm: Switch = False
    compile: Switch = False
    checkpoint_seconds: NonNegative = 30.0
    resident_gib: NonNegative | None = None

    def __post_init__(self) -> None:
        if self.sync_batch_norm and self.device == "cpu":
            raise ValueError("torch's SyncBatchNorm refuses the CPU: set sync_batch_norm to false")


@section
class Evaluation:
    """How models are tested. `test_time_views`: what they are asked about besides each image."""

    test_time_views: Literal["none", "flip", "flip-translate"] = "none"


@section
class TimeLimits:
    """The seconds that a stage of each kind may take, and the benchmark of one model; None: all."""

    download: Positive | None = None
    preprocess: Positive | None = None
    train: Positive | None = None
    evaluate: Positive | None = None
    insight: Positive | None = None
    export: Positive | None = None
    log: Positive | None = None
    benchmark: Positive | None = None

    def get(self, kind: str) -> float | None:
        """Return the limit of one kind of stage; None where it has none."""
        return getattr(self, kind, None)


@section
class Flows:
    """When and how flows and `sightline repro` run the stages. Times in seconds.

    `cpu_slots`: stages at once; None: as many as this machine has cores.
    """

    cpu_slots: Count | None = None
    lock_wait: NonNegative = 3600.0
    retries: Natural = 3
    retry_delay: Positive = 5.0
    time_limits: TimeLimits = field(default_factory=TimeLimits)


@section
class Params:
    """The whole of params.yaml."""

    catalogue: str
    datasets: dict[str, Dataset]
    models: dict[str, Model]
    recipes: dict[str, Recipe]
    compute: Compute
    weights: list[str] = field(default_factory=list)
    evaluation: Evaluation = field(default_factory=Evaluation)
    flows: Flows = field(default_factory=Flows)
    benchmark: Benchmark = field(default_factory=Benchmark)

    def dataset(self, name: str) -> Dataset:
        """Return one dataset's entry; SightlineError with the nearest name where there is none."""
        return _entry(self.datasets, name, "dataset", "datasets")

    def catalogue_of(self, name: str) -> str:
        """Return the name of the catalogue that lists one dataset; raises as `dataset` does."""
        return self.dataset(name).catalogue or self.catalogue

    def recipe(self, name: str) -> Recipe:
        """Return one recipe; SightlineError with the nearest name where there is none."""
        return _entry(self.recipes, name, "recipe", "recipes")

    def model(self, name: str) -> tuple[Model, Recipe]:
        """Return one model's entry and its recipe; SightlineError where there is none."""
        model = _entry(self.models, name, "model", "models")
        return model, self.recipes[model.recipe]


def load(layout: Layout) -> Params:
    """Read and check params.yaml: types, ranges, keys and the entries that entries refer to.

    Whether there are such networks and tasks, and whether they go together, is for
    `sightline.models.check` to say. Raises SightlineError with one line per mistake.
    """
    path = layout.params
    content = read_yaml(path, "run this in the project's folder, where dvc.yaml lies")
    try:
        params = TypeAdapter(Params).validate_python(content)
    except ValidationError as error:
        raise SightlineError(explain(path, error, Params)) from None
    mistakes = list(_wrong_names(params, layout))
    if mistakes:
        raise SightlineError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return params


def _entry(table: dict[str, T], name: str, kind: str, section: str) -> T:
    if name not in table:
        raise SightlineError(
            f"no {kind} '{name}' under {section}: in params.yaml: {nearest(name, table)}"
        )
    return table[name]


def _wrong_names(params: Params, layout: Layout) -> Iterator[str]:
    catalogues = layout.catalogues()
    if params.catalogue not in catalogues:
        yield f"catalogue: no '{params.catalogue}': {nearest(params.catalogue, catalogues)}"
    for name, dataset in params.datasets.items():
        if dataset.catalogue is not None and dataset.catalogue not in catalogues:
            near = nearest(dataset.catalogue, catalogues)
            yield f"datasets.{name}.catalogue: no '{dataset.catalogue}': {near}"
    for table in (params.datasets, params.models, params.recipes):
        for name in table:
            if not _NAME.fullmatch(name):
                yield f"'{name}' is not a usable name: small letters, digits and hyphens only"
    for name in params.weights:
        if not _NAME.fullmatch(name) or name == RANDOM or name in params.models:
            yield (
                f"weights: '{name}' is not a usable name: small letters, digits and hyphens only, "
                f"and neither {RANDOM} nor a model's"
            )
        if params.weights.count(name) > 1:
            yield f"weights: '{name}' stands there twice"
    for name, model in params.models.items():
        for kind, value, known in (
            ("dataset", model.dataset, params.datasets),
            ("recipe", model.recipe, params.recipes),
        ):
            if value not in known:
                yield f"models.{name}.{kind}: no {kind} '{value}': {nearest(value, known)}"
        yield from _wrong_start(name, params)


def _wrong_start(name: str, params: Params) -> Iterator[str]:
    """Yield what is wrong with the start of a model: no such name, or it leads back to itself."""
    if name == RANDOM:
        yield f"models.{name}: {RANDOM} is the start of models that begin with nothing: rename it"
    chain, start = [name], params.models[name].begins_with
    while start in params.models and start not in chain:
        chain.append(start)
        start = params.models[start].begins_with
    if start == name:
        circle = " starts from ".join([*chain, name])
        yield f"models.{name}.start: {circle}: let one of them start from {RANDOM}"
    start = params.models[name].begins_with
    known = [RANDOM, *params.models, *params.weights]
    if start is not None and start not in known:
        yield f"models.{name}.start: no model or weights '{start}': {nearest(start, known)}"
