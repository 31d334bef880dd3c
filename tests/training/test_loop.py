"""Training: it learns, repeats itself to the bit, resumes from a kill as if there had been none."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import write_processed

from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.trained import load_model
from sightline.networks import cnn, layers
from sightline.settings.recipe import (
    Augment,
    Compute,
    Lookahead,
    Model,
    Optimizer,
    Rates,
    Recipe,
    Schedule,
)
from sightline.training import loop
from sightline.training.batches import Images, order
from sightline.training.device import choose
from sightline.training.loop import train

COMPUTE = Compute(device="cpu", threads=1, checkpoint_seconds=1e9)
CNN = Recipe(
    epochs=3,
    batch_size=32,
    optimizer=Optimizer("sgd", 0.05, momentum=0.9, weight_decay=5e-4),
    schedule=Schedule("one-cycle", warmup=0.3),
    augment=Augment(rotate=5, scale=0.1, translate=1, flip="alternating", cutout=2),
    label_smoothing=0.1,
    ema=0.9,
    network={"widths": [4, 8]},
)
MUON = replace(
    CNN,
    optimizer=Optimizer(
        "muon",
        0.1,
        momentum=0.6,
        biases=Rates(1.0, momentum=0.85),
        head=Rates(0.2, momentum=0.85, weight_decay=0.01),
    ),
    schedule=Schedule("linear"),
    ema=0.0,
    lookahead=Lookahead(every=5, decay=0.95, power=3),
    frozen_after={"whiten": 1},
    network={
        "widths": [4, 8],
        "whiten": 2,
        "dirac": True,
        "norm_scale": False,
        "norm_momentum": 0.4,
        "activation": "gelu",
        "small_head": True,
    },
)
LSTM = Recipe(
    epochs=3,
    batch_size=32,
    optimizer=Optimizer("adam", 0.01),
    clip_norm=1.0,
    network={"hidden_size": 16, "layers": 2},
)
SHORT = replace(LSTM, min_rows=5, bptt_steps=4)
MLP = replace(LSTM, network={"widths": [16], "dropout": 0.3})
RECIPES = {"cnn": CNN, "muon": MUON, "lstm": LSTM, "short": SHORT, "mlp": MLP}
NETWORKS = {"muon": "cnn", "short": "lstm"}  # of a recipe, where it is not called as its network


@pytest.fixture
def layout(tmp_path) -> Layout:
    write_processed(tmp_path / "data" / "processed" / "bars")
    return Layout(tmp_path)


def run(layout: Layout, recipe: str, name: str = "it", **changes) -> dict[str, bytes]:
    """Train by one of RECIPES, changed, and return the deterministic outputs."""
    model = Model("bars", NETWORKS.get(recipe, recipe), "classify", "its", seed=3)
    recipe = replace(RECIPES[recipe], **changes)
    train(name, model, recipe, COMPUTE, layout, layout.root / "state")
    return outputs(layout, name)


def outputs(layout: Layout, name: str) -> dict[str, bytes]:
    paths = [layout.model(name) / "weights.pt", layout.report(name) / "epochs.csv"]
    return {path.name: path.read_bytes() for path in paths}


def timing(layout: Layout, name: str = "it") -> dict:
    return json.loads((layout.report(name) / "timing.json").read_text())


def rows(layout: Layout, name: str = "it") -> list[dict]:
    return list(csv.DictReader((layout.report(name) / "epochs.csv").open()))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_it_learns_and_a_repeated_run_gives_the_same_bytes(layout, recipe):
    first = run(layout, recipe, epochs=6)
    assert float(rows(layout)[-1]["val_top1"]) > 0.9
    assert timing(layout)["steps_executed"] == timing(layout)["steps"] == 6 * 7
    assert run(layout, recipe, epochs=6) == first
    assert timing(layout)["steps_executed"] == 6 * 7, "a finished run leaves no checkpoint behind"
    assert not list((layout.root / "state").iterdir())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_gpu_learns_too_and_goes_on_from_a_checkpoint(layout, recipe, monkeypatch):
    on_a_gpu = Compute("cuda", threads=1, checkpoint_seconds=0.0)
    monkeypatch.setattr(sys.modules[__name__], "COMPUTE", on_a_gpu)
    take_step = loop.Run.take_step

    def ten_steps(run, *args):
        if run.step == 10:
            raise KeyboardInterrupt
        take_step(run, *args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop.Run, "take_step", ten_steps)
        run(layout, recipe, epochs=6)
    run(layout, recipe, epochs=6)
    assert float(rows(layout)[-1]["val_top1"]) > 0.9
    assert timing(layout)["device"] == "cuda" and timing(layout)["steps_executed"] == 6 * 7 - 10
    recurrent = recipe in ("lstm", "short")
    assert timing(layout)["dtype"] == ("float32" if recurrent else "bfloat16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("recipe", ["cnn", "muon", "mlp"])
@pytest.mark.parametrize("resident_bytes", [1 << 30, 0], ids=["on the GPU", "memory map"])
def test_no_step_waits_for_the_gpu(layout, recipe, resident_bytes):
    model = Model("bars", NETWORKS.get(recipe, recipe), "classify", "its")
    compute, meta = Compute("cuda", threads=1), load_meta(layout.processed("bars"))
    place = choose(compute)
    trained = loop.build(loop.describe("it", model, RECIPES[recipe], compute, meta), place)
    split = load_split(layout.processed("bars"), "train")
    train_set = Images(*split, place.device, resident_bytes)
    run = loop.Run(trained, train_set, train_set, RECIPES[recipe], 0, place)
    indices = order(len(train_set), 0, epoch=0)[: 4 * 32].split(32)
    try:
        for number, batch in enumerate(train_set.batches(indices)):
            run.take_step(*batch, epoch=0)
            if number == 1:  # the first steps allocate and choose algorithms
                torch.cuda.set_sync_debug_mode("error")
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("recipe", ["muon", "short"])
def test_a_compiled_network_learns_the_same(layout, recipe, monkeypatch):
    run(layout, recipe, epochs=2)
    eager, eager_rows = weights(layout), rows(layout)
    monkeypatch.setattr(sys.modules[__name__], "COMPUTE", replace(COMPUTE, compile=True))
    run(layout, recipe, epochs=2)
    for key, value in weights(layout).items():
        assert torch.allclose(value, eager[key], atol=2e-3), key
    for row, other in zip(rows(layout), eager_rows, strict=True):
        assert float(row["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-3)


def test_another_seed_gives_other_weights(layout):
    first = run(layout, "lstm", epochs=1)
    model = Model("bars", "lstm", "classify", "its", seed=4)
    recipe = replace(LSTM, epochs=1)
    train("it", model, recipe, COMPUTE, layout, layout.root / "state")
    assert outputs(layout, "it") != first


KILLED = """
import os, signal, sys
from pathlib import Path
from sightline.layout import Layout
from sightline.training import loop
from test_loop import COMPUTE, NETWORKS, RECIPES, Model, replace
root, recipe, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
taken = 0
take_step = loop.Run.take_step
def counted(self, *args):
    global taken
    take_step(self, *args)
    taken += 1
    if taken == last:
        os.kill(os.getpid(), signal.SIGKILL)
loop.Run.take_step = counted
model = Model("bars", NETWORKS.get(recipe, recipe), "classify", "its", seed=3)
compute = replace(COMPUTE, checkpoint_seconds=0.0)
loop.train("it", model, RECIPES[recipe], compute, Layout(root), root / "state")
"""


def kill(layout: Layout, recipe: str, last: int) -> None:
    """Train in a process that a SIGKILL ends after its step number `last`."""
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, str(layout.root), recipe, str(last)]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr


@pytest.mark.parametrize(
    ("recipe", "last"),  # an epoch has 7 steps: killed in it, at its end, at its beginning
    [
        ("cnn", 1),
        ("cnn", 7),
        ("cnn", 8),
        ("muon", 6),
        ("muon", 12),
        ("lstm", 5),
        ("short", 9),
        ("mlp", 20),
    ],
)
def test_killed_and_resumed_equals_never_killed(layout, recipe, last):
    unharmed = run(layout, recipe)
    kill(layout, recipe, last)
    assert run(layout, recipe) == unharmed
    # a checkpoint stood behind each step but the one that was killed
    assert timing(layout)["steps_executed"] == 21 - (last - 1)


def test_a_changed_recipe_does_not_meet_an_old_checkpoint(layout):
    kill(layout, "lstm", 9)
    assert list((layout.root / "state").glob("*.pt"))
    run(layout, "lstm", clip_norm=0.5)
    assert timing(layout)["steps_executed"] == 21


def test_two_trainings_of_the_same_thing_do_not_meet(layout, monkeypatch):
    seen = []

    def intrude(self, path):
        held = pytest.raises(SightlineError, match="another process trains exactly this model")
        with held, loop.checkpoint.alone(path):
            pass
        seen.append(path)

    monkeypatch.setattr(loop.Run, "resume", intrude)
    run(layout, "mlp", epochs=1)
    assert seen


def test_a_loss_that_is_no_number_stops_loudly(layout):
    with pytest.raises(SightlineError, match=r"the loss is (nan|inf) at step \d+ of 21.*lower"):
        run(layout, "cnn", optimizer=Optimizer("sgd", 1e30), schedule=Schedule(), ema=0.0)
    assert not layout.model("it").exists()


def test_without_a_val_split_nothing_is_measured_on_it(layout):
    folder = layout.processed("bars")
    for kind in ("images", "labels"):
        path = folder / f"val.{kind}.npy"
        np.save(path, np.load(path)[:0])
    run(layout, "mlp", epochs=1)
    assert rows(layout)[0]["val_top1"] == "" and rows(layout)[0]["train_top1"]


def test_a_train_split_smaller_than_a_batch_is_one_batch(layout):
    run(layout, "mlp", epochs=2, batch_size=10_000)
    assert timing(layout)["steps"] == 2


def test_refused_settings_name_the_place_to_mend(layout):
    def train_with(settings: dict) -> None:
        model = Model("bars", "cnn", "classify", "its")
        recipe = replace(CNN, network=settings)
        train("it", model, recipe, COMPUTE, layout, layout.root / "state")

    with pytest.raises(SightlineError, match=r"halve a 12 x 12 image.*recipes\.its\.network"):
        train_with({"widths": [4, 4, 4, 4]})
    with pytest.raises(SightlineError, match=r"widht.*recipes\.its\.network"):
        train_with({"widht": [4]})


def weights(layout: Layout) -> dict[str, torch.Tensor]:
    return torch.load(layout.model("it") / "weights.pt", weights_only=True)


def test_a_frozen_part_is_trained_for_its_epochs_alone(layout):
    biases = []
    for epochs in (0, 1, 3):
        run(layout, "muon", lookahead=None, frozen_after={"whiten": epochs})
        biases.append(weights(layout)["whiten.bias"])
    assert not biases[0].any() and biases[1].any()
    assert not torch.equal(biases[1], biases[2])
    with pytest.raises(SightlineError, match=r"names stem,.*its parts are head, whiten, act"):
        run(layout, "muon", frozen_after={"stem": 1})


def test_the_whitening_layer_comes_from_the_train_split_and_stays(layout):
    run(layout, "muon", epochs=1)
    whiten = weights(layout)["whiten.weight"]
    model = load_model(layout.model("it"))
    images = torch.from_numpy(np.load(layout.processed("bars") / "train.images.npy"))
    normalised = layers.normalise(images, model.mean, model.std)
    # 240 images, all of them seen: the filters of the whole train split, up to their order
    expected = cnn.whitening(normalised, 2)
    near = torch.cdist(whiten.flatten(1), expected.flatten(1)).min(dim=1).values
    assert whiten.shape == (8, 1, 2, 2) and near.max() < 0.02


def test_a_turned_image_is_no_question_about_its_angle(layout):
    recipe = replace(CNN, label_smoothing=0.0, augment=Augment(rotate=10))
    model = Model("bars", "cnn", "rotation", "its")
    with pytest.raises(SightlineError, match=r"cannot do rotation: augment\.rotate turns"):
        train("it", model, recipe, COMPUTE, layout, layout.root / "state")


def test_cuda_that_is_not_there_is_not_papered_over(layout):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    model = Model("bars", "mlp", "classify", "its")
    with pytest.raises(SightlineError, match="no CUDA device here"):
        train("it", model, MLP, Compute(device="cuda"), layout, layout.root / "state")


def test_the_trained_model_takes_raw_pixels_and_says_what_it_is(layout):
    run(layout, "lstm")
    model = load_model(layout.model("it"))
    images = np.load(layout.processed("bars") / "test.images.npy")
    labels = np.load(layout.processed("bars") / "test.labels.npy")
    with torch.no_grad():
        seen = model(torch.from_numpy(images))
    assert set(seen) == {"logits", "probabilities", "features"}
    assert seen["features"].shape == (60, 16)
    assert (seen["probabilities"].argmax(1).numpy() == labels).mean() > 0.9
    assert model.description["data"]["classes"] == ["bar 0", "bar 1", "bar 2"]
    assert model.description["parameters"] == sum(p.numel() for p in model.parameters())
    with pytest.raises(SightlineError, match="dvc repro train@other"):
        load_model(layout.model("other"))


@pytest.mark.parametrize("task", ["classify", "next-row"])
def test_the_loss_of_rows_shown_is_that_of_images_without_the_others(layout, task):
    meta = load_meta(layout.processed("bars"))
    model = Model("bars", "lstm", task, "its")
    place = choose(COMPUTE)
    trained = loop.build(loop.describe("it", model, SHORT, COMPUTE, meta), place)
    train_set = Images(*load_split(layout.processed("bars"), "train"), place.device)
    run = loop.Run(trained, train_set, train_set, SHORT, 0, place)
    images, labels = train_set.take(torch.arange(32))
    lengths = run.lengths(images)
    assert lengths.min() >= 5 and 5 < lengths.float().mean() < 12 and lengths.max() <= 12
    alone = [
        run.task.loss(run.raw(images[i : i + 1, :n]), images[i : i + 1, :n], labels[i : i + 1])
        for i, n in enumerate(lengths.tolist())
    ]
    for junk in (0, 255):
        padded = images.clone()
        for image, length in zip(padded, lengths, strict=True):
            image[length:] = junk
        loss = run.task.loss(run.raw(padded, lengths), padded, labels, lengths)
        assert torch.allclose(loss, torch.stack(alone).mean(), atol=1e-6)


def test_more_rows_than_an_image_has_cannot_be_asked_for(layout):
    with pytest.raises(SightlineError, match=r"an image has 12 rows: recipes\.its\.min_rows is 13"):
        run(layout, "lstm", min_rows=13)


def test_what_a_network_cannot_do_stops_before_the_first_step(layout):
    with pytest.raises(SightlineError, match="cnn cannot do classify: min_rows and bptt_steps are"):
        run(layout, "cnn", bptt_steps=3)
