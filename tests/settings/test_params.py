"""params.yaml: every mistake gets a line that names the place, and the name that was meant."""

import math
import re

import pytest
from support import PROJECT, change, copy_settings

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.settings import params
from sightline.settings.yaml_file import read_yaml

OTHER = {"dataset": "mnist", "network": "mlp", "task": "classify", "recipe": "mlp-6"}


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A folder with the project's own params.yaml and catalogues."""
    return copy_settings(tmp_path)


def mistakes(layout: Layout) -> str:
    """What is wrong with params.yaml, a line each, which all begin with its path."""
    with pytest.raises(SightlineError) as caught:
        params.load(layout)
    lines = str(caught.value).splitlines()
    assert lines and all(line.startswith(str(layout.params)) for line in lines)
    return str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("catalogue", "offical", "no 'offical': did you mean 'official'?"),
        ("catalog", "sample", "catalog: unknown key: did you mean 'catalogue'?"),
        ("models.mnist-cnn.dataset", "minst", "no dataset 'minst': did you mean 'mnist'?"),
        ("models.mnist-cnn.recipe", "cnn4", "no recipe 'cnn4': did you mean 'cnn-4'?"),
        ("models.mnist-cnn.recpie", "x", "recpie: unknown key: did you mean 'recipe'?"),
        ("models.mnist-cnn.dataset", None, "models.mnist-cnn.dataset: this key is required"),
        ("models.mnist-cnn.seed", "one", "models.mnist-cnn.seed: input should be a valid integer"),
        (
            "models.mnist-cnn.start",
            "mnist-cn",
            "start: no model or weights 'mnist-cn': did you mean",
        ),
        (
            "models.mnist-cnn.start",
            "mnist-cnn",
            "mnist-cnn.start: mnist-cnn starts from mnist-cnn: let one of them start from random",
        ),
        ("models.random", OTHER, "models.random: random is the start of models that begin with"),
        ("models.Mnist_CNN", OTHER, "'Mnist_CNN' is not a usable name"),
        ("recipes.cnn-4.epochs", 0, "epochs: input should be greater than or equal to 1, not 0"),
        (
            "recipes.cnn-4.augment.crop",
            {"area": [1, 0.25], "ratio": [0.75, 1.333]},
            "recipes.cnn-4.augment.crop: area is [1.0, 0.25]: the smaller number comes first",
        ),
        (
            "recipes.cnn-4.augment.crop",
            {"area": [0.25, 1], "ratio": [1.333, 0.75]},
            "recipes.cnn-4.augment.crop: ratio is [1.333, 0.75]: the smaller number comes first",
        ),
        (
            "recipes.cnn-4.augment.crop",
            {"area": [0.25, 1.5], "ratio": [0.75, 1.333]},
            "area goes up to 1.5: no part is larger than the image, 1",
        ),
        ("recipes.cnn-4.augment.crop", {"area": [0, 1], "ratio": [1, 1]}, "greater than 0, not 0"),
        ("recipes.cnn-4.augment.crop", {"area": [0.25, 1]}, "augment.crop.ratio: this key is requ"),
        ("recipes.cnn-4.train_size", [{"pixels": 14, "until": 0.5}], "train_size: each `until` is"),
        (
            "recipes.cnn-4.train_size",
            [{"pixels": 14, "until": 0.5}, {"pixels": 28, "until": 0.5}],
            "train_size: each `until` is later than the one before, the last is 1",
        ),
        ("datasets.mnist.longer_side", 0.5, "longer_side: input should be greater than or equal"),
        ("datasets.mnist.evaluation", {"image_size": 28, "crop": 1.5}, "evaluation.crop: input"),
        ("recipes.cnn-4.epoch", 3, "recipes.cnn-4.epoch: unknown key: did you mean 'epochs'?"),
        ("recipes.cnn-4.optimizer.lr", 1, "recipes.cnn-4.optimizer.lr: unknown key"),
        (
            "recipes.cnn-4.optimizer.learning_rate",
            -1,
            "learning_rate: input should be greater than 0",
        ),
        ("recipes.cnn-4.optimizer.learning_rate", math.nan, "should be a finite number, not nan"),
        ("recipes.cnn-4.optimizer.learning_rate", math.inf, "should be a finite number, not inf"),
        ("recipes.cnn-4.ema", math.nan, "ema: input should be a finite number, not nan"),
        ("recipes.cnn-4.optimizer.name", "muon", "muon steps filters alone: give biases and head"),
        ("recipes.rows-6.optimizer.momentum", 0.9, "adam has averages of its own"),
        ("recipes.cnn-4.optimizer.biases", {"learning_rate": 0}, "should be greater than 0, not 0"),
        ("recipes.cnn-4.optimizer.head", {"lr": 1}, "optimizer.head.lr: unknown key"),
        ("recipes.cnn-4.lookahead", {"every": 5, "decay": 1}, "lookahead.decay: input should be"),
        ("recipes.cnn-4.frozen_after", {"whiten": -1}, "frozen_after.whiten: input should be"),
        ("recipes.cnn-4.schedule.warmup", 1, "warmup: input should be less than 1, not 1"),
        (
            "recipes.cnn-4.schedule",
            {"name": "multi-step"},
            "multi-step needs milestones, like [0.3",
        ),
        ("recipes.cnn-4.schedule.gamma", 0.1, "has no milestones and no gamma: multi-step has"),
        (
            "recipes.cnn-4.schedule",
            {"name": "multi-step", "milestones": [0.6, 0.3], "gamma": 0.1},
            "milestones is [0.6, 0.3]: each must be later than the last",
        ),
        (
            "recipes.cnn-4.schedule",
            {"name": "multi-step", "milestones": [0.1], "gamma": 0.1, "warmup": 0.2},
            "the first milestone is 0.1: it must be behind the warmup, 0.2",
        ),
        ("recipes.cnn-4.schedule", {"name": "multi-step", "milestones": [0.5], "gamma": 2}, "less"),
        ("recipes.cnn-4.augment.translate", -1, "translate: input should be greater than or equal"),
        ("recipes.cnn-4.augment.rotate", 181, "rotate: input should be less than or equal to 180"),
        ("recipes.cnn-4.augment.scale", 1, "scale: input should be less than 1, not 1"),
        ("recipes.cnn-4.augment.flip", "maybe", "'none', 'random' or 'alternating'"),
        ("datasets.mnist.val_size", 1.5, "val_size: input should be less than 1, not 1.5"),
        ("datasets.mnist.channels", 2, "input should be 1 or 3, not 2"),
        ("datasets.mnist.image_size", 0, "image_size: input should be greater than or equal to 1"),
        ("datasets.mnist.image_size", 4097, "should be less than or equal to 4096, not 4097"),
        ("datasets.mnist.seed", -1, "seed: input should be greater than or equal to 0, not -1"),
        ("datasets.mnist.seed", 2**32, "seed: input should be less than 4294967296"),
        ("compute.threads", 0, "threads: input should be greater than or equal to 1, not 0"),
        ("compute.device", "gpu", "'auto', 'cpu' or 'cuda', not 'gpu'"),
        (
            "flows.time_limits.trian",
            9,
            "limits.trian: unknown key: did you mean 'train'?",
        ),
        ("flows.time_limits.train", 0, "time_limits.train: input should be greater than 0, not 0"),
        ("benchmark.int8.max_drop", -1, "int8.max_drop: input should be greater than or equal to"),
    ],
)
def test_a_mistake_is_named_with_its_place(layout, place, value, message):
    change(layout, place, value)
    assert message in mistakes(layout)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("recipes.cnn-4.epochs", True, "epochs: input should be a valid integer, not True"),
        ("recipes.cnn-4.epochs", 2.0, "epochs: input should be a valid integer, not 2.0"),
        ("recipes.cnn-4.batch_size", "128", "size: input should be a valid integer, not '128'"),
        ("recipes.cnn-4.ema", "0.9", "ema: input should be a valid number, not '0.9'"),
        ("recipes.cnn-4.augment.translate", 2**53, "translate: input should be less than"),
        ("datasets.mnist.channels", True, "channels: input should be a valid integer, not True"),
        ("models.mnist-cnn.seed", "1", "seed: input should be a valid integer, not '1'"),
        ("compute.compile", "yes", "compile: input should be a valid boolean, not 'yes'"),
        ("compute.threads", 4097, "threads: input should be less than or equal to 4096, not 4097"),
        (
            "compute",
            {"device": "cpu", "sync_batch_norm": True},
            "compute: torch's SyncBatchNorm refuses the CPU: set sync_batch_norm to false",
        ),
        ("flows.lock_wait", math.nan, "lock_wait: input should be a finite number, not nan"),
        (
            "benchmark.threads",
            [0],
            "threads.0: input should be greater than or equal to 1 or 'all'",
        ),
        ("benchmark.threads", ["al"], "threads.0: input should be a valid integer or 'all', not"),
    ],
)
def test_a_value_of_another_type_is_refused_in_one_line(layout, place, value, message):
    change(layout, place, value)
    line = mistakes(layout)
    assert message in line and "\n" not in line and "constrained" not in line


@pytest.mark.faults
def test_starts_in_a_circle_are_named(layout):
    for name, start in (("mlp", "cnn"), ("cnn", "gru"), ("gru", "cnn")):
        change(layout, f"models.mnist-{name}.start", f"mnist-{start}")
    lines = mistakes(layout).splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "models.mnist-cnn.start: mnist-cnn starts from mnist-gru starts from mnist-cnn: let one of "
        "them start from random",
        "models.mnist-gru.start: mnist-gru starts from mnist-cnn starts from mnist-gru: let one of "
        "them start from random",
    ]


def test_every_mistake_gets_a_line(layout):
    change(layout, "recipes.cnn-4.epochs", 0)
    change(layout, "compute.threads", 0)
    assert len(mistakes(layout).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "params.yaml: models: this key is required"),
        ("- a list", "params.yaml: input should be a dictionary"),
    ],
)
def test_a_file_that_is_no_mapping(layout, text, error):
    layout.params.write_text(text)
    assert error in mistakes(layout)


def test_a_dataset_names_a_catalogue_that_there_is(layout):
    change(layout, "datasets.mnist.catalogue", "mirrors")
    (mistake,) = mistakes(layout).splitlines()
    assert "datasets.mnist.catalogue: no 'mirrors': did you mean 'mirror'?" in mistake


def test_a_stage_without_a_time_limit_has_none(layout):
    change(layout, "flows.time_limits", {"train": 5})
    limits = params.load(layout).flows.time_limits
    assert (limits.get("train"), limits.get("log"), limits.get("other")) == (5, None, None)


# YAML, as DVC reads it


def test_the_projects_files_are_read_as_dvc_reads_them():
    from dvc.utils.serialize import load_yaml

    for path in (PROJECT / "params.yaml", *PROJECT.glob("data/catalogues/*.yaml")):
        assert read_yaml(path, "") == load_yaml(str(path))


@pytest.mark.faults
def test_numbers_and_words_are_those_of_yaml_1_2(tmp_path):
    path = tmp_path / "file.yaml"
    path.write_text("[1e-1, 2E3, 010, yes, on, true, ~]")
    assert read_yaml(path, "") == [0.1, 2000.0, 10, "yes", "on", True, None]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x: 1\na: b: c", "line 2 is not valid YAML: mapping values are not allowed"),
        (b"a: 1\nb: 2\na: 3", 'line 3 is not valid YAML: .* duplicate key "a"'),
        (b"a:\n  b: 1\n  b: 1\n", 'line 3 is not valid YAML: .* duplicate key "b"'),
        (b"a: !!python/name:os.system\n", "line 1 is not valid YAML: could not determine"),
        (b"a: 1\nb: \xff\n", "line 2 is not UTF-8: save it in UTF-8"),
        (b"a: \0", "is not valid YAML: unacceptable character"),
        (b"a: 2020-13-01", "is not valid YAML: month must be in 1..12"),
    ],
)
def test_a_file_that_is_not_yaml_is_one_line(layout, content, message):
    layout.params.write_bytes(content)
    assert re.search(message, mistakes(layout))
    assert len(mistakes(layout).splitlines()) == 1


def test_a_missing_file_says_where_to_be(layout):
    layout.params.unlink()
    assert "no such file: run this in the project's folder" in mistakes(layout)


def test_an_experiment_changes_the_line_it_changes(tmp_path):
    """DVC writes params.yaml anew for `dvc exp run -S`: what is over 80 columns is wrapped, and a
    list gets a line for each value.
    """
    from dvc.utils.hydra import apply_overrides

    text = (PROJECT / "params.yaml").read_text()
    copy = tmp_path / "params.yaml"
    copy.write_text(text)
    apply_overrides(copy, ["models.mnist-lstm.network=gru"])
    before, after = text.splitlines(), copy.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [("    network: lstm", "    network: gru")]
