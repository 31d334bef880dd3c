"""Trainings that begin with the weights of another model, that freeze parts, or slow them down."""

import hashlib
import os
import pickle
from dataclasses import replace

import pytest
import safetensors.torch
import torch
import yaml
from support import write_processed
from trainings import COMPUTE, RECIPES, model

from sightline.data.fetch import download_weights
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.description import read_description
from sightline.models.trained import serialise
from sightline.settings.params import Model
from sightline.settings.recipe import Optimizer, PartRate, Schedule
from sightline.training.device import choose
from sightline.training.loop import train
from sightline.training.setup import begin
from sightline.training.step import Training

PLAIN = {"optimizer": Optimizer("sgd", 0.05, momentum=0.9), "schedule": Schedule(), "ema": 0.0}


@pytest.fixture
def layout(tmp_path) -> Layout:
    """A workspace with `bars` of three classes, `more` of five, and a trained model `first`."""
    layout = Layout(tmp_path)
    write_processed(layout.processed("bars").path)
    write_processed(layout.processed("more").path, classes=5, size=15)
    train("first", model("cnn"), RECIPES["cnn"], COMPUTE, layout)
    return layout


def weights(layout: Layout, name: str) -> dict[str, torch.Tensor]:
    """Return the state dict of a trained network."""
    return torch.load(layout.trained(name).weights, weights_only=True)


def second(layout: Layout, dataset: str, **changes) -> Training:
    """Return a training that starts from `first` and has taken no step."""
    entry = Model(dataset, "cnn", "classify", "its", seed=5, start="first")
    recipe = replace(RECIPES["cnn"], **changes)
    place = choose(COMPUTE)
    return begin("second", entry, recipe, place, layout)


def differing(layout: Layout, training: Training) -> list[str]:
    """Return the tensors of a training that are not those of `first`, by name."""
    first = weights(layout, "first")
    now = training.network.state_dict()
    return [key for key in first if not torch.equal(first[key], now[key])]


def test_on_the_same_classes_all_of_it_is_loaded(layout, caplog):
    caplog.set_level("INFO")
    training = second(layout, "bars")
    assert differing(layout, training) == []
    count = len(weights(layout, "first"))
    assert f"second starts from first: {count} of {count} tensors" in caplog.messages


def test_on_other_classes_the_head_is_new(layout, caplog):
    caplog.set_level("INFO")
    training = second(layout, "more")
    first, now = weights(layout, "first"), training.network.state_dict()
    body = [key for key in first if not key.startswith("head.")]
    assert all(torch.equal(first[key], now[key]) for key in body)
    assert now["head.weight"].shape == (5, 8)
    (line,) = (line for line in caplog.messages if "starts from" in line)
    assert f"{len(body)} of {len(first)} tensors; the head is new" in line


def test_through_the_command_it_says_what_it_began_with(layout):
    entry = Model("more", "cnn", "classify", "its", seed=5, start="first")
    train("second", entry, RECIPES["cnn"], COMPUTE, layout)
    begun = read_description(layout.trained("second"))["start"]
    assert (begun["name"], begun["tensors"]) == ("first", 24)
    assert "start" not in read_description(layout.trained("first"))
    learned = weights(layout, "second")
    assert not torch.equal(learned["head.bias"], torch.zeros(5))


def test_a_frozen_body_moves_neither_weights_nor_running_statistics(layout):
    training = second(layout, "bars", frozen_after={"blocks": 0})
    for epoch in range(2):
        for batch in training.batches(epoch):
            training.take_step(*batch, epoch)
    assert differing(layout, training) == ["head.weight", "head.bias"]
    averaged, first = training.weights(), weights(layout, "first")
    assert [key for key in first if not torch.equal(first[key], averaged[key])] == [
        "head.weight",
        "head.bias",
    ]


def test_frozen_norms_keep_their_statistics_and_learn_the_rest(layout):
    training = second(layout, "bars", **PLAIN, frozen_norms=True)
    before = {key: value.clone() for key, value in training.network.state_dict().items()}
    for epoch in range(2):
        for batch in training.batches(epoch):
            training.take_step(*batch, epoch)
    now = training.network.state_dict()
    kept = {key for key in before if torch.equal(before[key], now[key])}
    assert kept == {key for key in before if "running_" in key or "num_batches" in key}


def test_a_part_steps_at_its_own_rate(layout):
    changes = PLAIN | {
        "optimizer": Optimizer("sgd", 0.05, parts={"blocks": PartRate(1e-9)}),
    }
    training = second(layout, "bars", **changes)
    before = {key: value.clone() for key, value in training.network.state_dict().items()}
    training.take_step(*next(training.batches(0)), 0)
    moved = {key: (v - before[key]).abs().max() for key, v in training.network.named_parameters()}
    assert moved["head.weight"] > 1e-4
    assert all(moved[key] < 1e-7 for key in moved if key.startswith("blocks."))


@pytest.mark.faults
def test_weights_that_do_not_fit_are_named_with_their_shapes(layout):
    with pytest.raises(SightlineError) as caught:
        second(layout, "bars", network={"widths": [6, 8]})
    line = str(caught.value)
    assert "second: cannot start from first: 11 of 24 tensors do not fit: blocks.0.0.weight" in line
    assert "is 4 x 1 x 3 x 3, the network's is 6 x 1 x 3 x 3" in line and "\n" not in line
    with pytest.raises(SightlineError, match=r"blocks\.2\.0\.weight is missing in it"):
        second(layout, "bars", network={"widths": [4, 8, 8]})
    with pytest.raises(SightlineError, match=r"blocks\.1\.0\.weight is unknown to the network"):
        second(layout, "bars", network={"widths": [4]})


class Code:
    """A pickle that makes a folder when it is opened."""

    def __reduce__(self):
        return os.mkdir, ("was-run",)


@pytest.mark.faults
def test_a_pickle_that_wants_to_run_code_is_refused(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = layout.trained("first")
    for content in (pickle.dumps(Code()), None):
        if content is None:
            torch.save({"head.weight": Code()}, files.weights)
        else:
            files.weights.write_bytes(content)
        with pytest.raises(SightlineError, match=r"weights\.pt is damaged .*dvc repro train@fir"):
            second(layout, "bars")
        assert not (tmp_path / "was-run").exists()


def fetch(
    layout: Layout, content: bytes, names: str = "sightline", kind: str = "torch", **file
) -> None:
    """Have weights of these bytes fetched as `given`."""
    given = layout.root / "given.pth"
    given.write_bytes(content)
    line = {"name": "given.pth", "role": "weights", "urls": [given.as_uri()]} | file
    about = {"format": kind, "names": names, "note": "made here", "terms": "none", "file": line}
    layout.weights_catalogue.write_text(yaml.safe_dump({"given": about}))
    download_weights("given", layout)


def from_given(layout: Layout) -> Training:
    """Return a training that starts from `given` and has taken no step."""
    entry = Model("bars", "cnn", "classify", "its", seed=5, start="given")
    return begin("second", entry, RECIPES["cnn"], choose(COMPUTE), layout)


def test_weights_of_a_file_are_loaded_but_for_the_head(layout):
    content = layout.trained("first").weights.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    fetch(layout, content, sha256_begins=digest[:8])
    training = from_given(layout)
    assert differing(layout, training) == ["head.weight", "head.bias"]
    assert training.description["start"] == {"name": "given", "sha256": digest, "tensors": 24}


def test_safetensors_are_loaded_as_a_state_dict_is(layout):
    fetch(layout, safetensors.torch.save(weights(layout, "first")), kind="safetensors")
    assert differing(layout, from_given(layout)) == ["head.weight", "head.bias"]


@pytest.mark.faults
def test_what_is_no_file_of_safetensors_is_refused(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    complete = safetensors.torch.save(weights(layout, "first"))
    for content in (pickle.dumps(Code()), complete[: len(complete) // 2], b""):
        fetch(layout, content, kind="safetensors")
        with pytest.raises(SightlineError, match=r"given\.pth is no file of safetensors"):
            from_given(layout)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.faults
def test_a_file_of_another_digest_is_not_opened(layout):
    with pytest.raises(SightlineError, match=r"given\.pth: sha256 is .*the catalogue says 0000000"):
        fetch(layout, pickle.dumps(Code()), sha256_begins="00000000")
    with pytest.raises(SightlineError, match=r"holds no weights: run `dvc repro train@second`"):
        from_given(layout)


@pytest.mark.faults
def test_a_file_that_holds_code_or_no_tensors_is_refused(layout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetch(layout, pickle.dumps(Code()))
    with pytest.raises(SightlineError, match=r"given\.pth is damaged .*correct the entry given"):
        from_given(layout)
    assert not (tmp_path / "was-run").exists()
    fetch(layout, serialise({"epoch": 3}))
    with pytest.raises(SightlineError, match=r"given\.pth holds more than the tensors of a state"):
        from_given(layout)


@pytest.mark.faults
def test_torchvisions_names_are_for_its_own_network(layout):
    fetch(layout, layout.trained("first").weights.read_bytes(), names="torchvision")
    with pytest.raises(
        SightlineError, match="the network cnn has its own: take the network torchv"
    ):
        from_given(layout)


@pytest.mark.faults
def test_a_start_that_was_not_trained_is_named(layout):
    files = layout.trained("first")
    files.weights.unlink()
    with pytest.raises(SightlineError, match=r"no such file: run `dvc repro train@first`"):
        second(layout, "bars")
    files.description.unlink()
    with pytest.raises(SightlineError, match=r"holds no weights: run `dvc repro train@second`"):
        second(layout, "bars")
