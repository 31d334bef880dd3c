"""Training: it learns, repeats itself to the bit, and stops with a reason where it cannot."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import write_processed
from trainings import (
    COMPUTE,
    LSTM,
    RECIPES,
    before_its_first_step,
    model,
    outputs,
    rows,
    run,
    timing,
    weights,
)

from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.layout import Layout
from sightline.models.description import read_description
from sightline.models.trained import load_model
from sightline.networks import cnn, layers
from sightline.settings.params import Compute
from sightline.settings.recipe import Optimizer, Schedule, Stop
from sightline.training.batches import Images
from sightline.training.loop import train
from sightline.training.step import Training


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_it_learns_and_a_repeated_run_gives_the_same_bytes(layout, recipe):
    first = run(layout, recipe, epochs=6)
    assert float(rows(layout)[-1]["val_top1"]) > 0.9
    assert timing(layout)["steps_executed"] == timing(layout)["steps"] == 6 * 7
    assert run(layout, recipe, epochs=6) == first
    assert timing(layout)["steps_executed"] == 6 * 7, "a finished run leaves no checkpoint behind"
    assert not list(layout.state.checkpoints.iterdir())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_a_gpu_learns_too_and_goes_on_from_a_checkpoint(layout, recipe, monkeypatch):
    on_a_gpu = Compute("cuda", threads=1, checkpoint_seconds=0.0)
    take_step = Training.take_step

    def ten_steps(training, *args):
        if training.step == 10:
            raise KeyboardInterrupt
        take_step(training, *args)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "take_step", ten_steps)
        run(layout, recipe, compute=on_a_gpu, epochs=6)
    run(layout, recipe, compute=on_a_gpu, epochs=6)
    assert float(rows(layout)[-1]["val_top1"]) > 0.9
    assert timing(layout)["device"] == "cuda" and timing(layout)["steps_executed"] == 6 * 7 - 10
    recurrent = recipe in ("lstm", "short")
    assert timing(layout)["dtype"] == ("float32" if recurrent else "bfloat16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
@pytest.mark.parametrize("recipe", ["cnn", "muon", "mlp"])
@pytest.mark.parametrize("resident_bytes", [1 << 30, 0], ids=["on the GPU", "memory map"])
def test_no_step_waits_for_the_gpu(layout, recipe, resident_bytes):
    training = before_its_first_step(layout, recipe, compute=Compute("cuda", threads=1))
    split = load_split(layout.processed("bars"), "train")
    training.train_set = Images(*split, training.place.device, resident_bytes)
    try:
        for batch in training.batches(epoch=0):
            training.take_step(*batch, epoch=0)
            if training.step == 2:  # the first steps allocate and choose algorithms
                torch.cuda.set_sync_debug_mode("error")
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("recipe", ["muon", "short"])
def test_a_compiled_network_learns_the_same(layout, recipe):
    run(layout, recipe, epochs=2)
    eager, eager_rows = weights(layout), rows(layout)
    run(layout, recipe, compute=replace(COMPUTE, compile=True), epochs=2)
    for key, value in weights(layout).items():
        assert torch.allclose(value, eager[key], atol=2e-3), key
    for row, other in zip(rows(layout), eager_rows, strict=True):
        assert float(row["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-3)


def test_another_seed_gives_other_weights(layout):
    first = run(layout, "lstm", epochs=1)
    train("it", model("lstm", seed=4), replace(LSTM, epochs=1), COMPUTE, layout)
    assert outputs(layout) != first


def test_a_loss_that_is_no_number_stops_loudly(layout):
    with pytest.raises(SightlineError, match=r"the loss is (nan|inf) at step \d+ of 21.*lower"):
        run(layout, "cnn", optimizer=Optimizer("sgd", 1e30), schedule=Schedule(), ema=0.0)
    assert not layout.trained("it").path.exists()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory.\nTried to"),
            "too little memory.*accumulate",
        ),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), "the GPU failed .CUDA"),
    ],
)
def test_what_a_gpu_refuses_is_one_line(layout, monkeypatch, error, message):
    def take_step(training, *args):
        raise error

    monkeypatch.setattr(Training, "take_step", take_step)
    with pytest.raises(SightlineError, match=message) as caught:
        run(layout, "cnn")
    assert "\n" not in str(caught.value)


@pytest.mark.faults
def test_a_last_step_that_ruins_the_weights_stops_loudly(layout):
    adam = Optimizer("adam", 1e30)
    changes = {"batch_size": 240, "epochs": 1, "optimizer": adam, "ema": 0.0}
    with pytest.raises(SightlineError, match="the loss is nan at step 1 of 1"):
        run(layout, "cnn", schedule=Schedule(), **changes)


def test_without_a_val_split_nothing_is_measured_on_it(layout):
    files = layout.processed("bars")
    for path in (files.images("val"), files.labels("val")):
        np.save(path, np.load(path)[:0])
    run(layout, "mlp", epochs=1)
    assert rows(layout)[0]["val_top1"] == "" and rows(layout)[0]["train_top1"]


def test_a_train_split_smaller_than_a_batch_is_one_batch(layout):
    run(layout, "mlp", epochs=2, batch_size=10_000)
    assert timing(layout)["steps"] == 2


def test_refused_settings_name_the_place_to_mend(layout):
    with pytest.raises(SightlineError, match=r"halve a 12 x 12 image.*recipes\.its\.network"):
        run(layout, "cnn", network={"widths": [4, 4, 4, 4]})


def test_a_frozen_part_is_trained_for_its_epochs_alone(layout):
    biases = []
    for epochs in (0, 1, 3):
        run(layout, "muon", lookahead=None, frozen_after={"whiten": epochs})
        biases.append(weights(layout)["whiten.bias"])
    assert not biases[0].any() and biases[1].any()
    assert not torch.equal(biases[1], biases[2])


def test_a_frozen_part_keeps_its_running_statistics(layout):
    training = before_its_first_step(layout, "cnn", frozen_after={"blocks": 1}, ema=0.0)

    def after_an_epoch(epoch: int) -> dict[str, torch.Tensor]:
        for batch in training.batches(epoch):
            training.take_step(*batch, epoch)
        return {key: value.clone() for key, value in training.network.state_dict().items()}

    first, second = after_an_epoch(0), after_an_epoch(1)
    assert any(key.endswith("running_mean") for key in first)
    changed = [key for key in first if not torch.equal(first[key], second[key])]
    assert changed == ["head.weight", "head.bias"]


def test_the_whitening_layer_comes_from_the_train_split_and_stays(layout):
    run(layout, "muon", epochs=1)
    whiten = weights(layout)["whiten.weight"]
    trained = load_model(layout.trained("it"))
    images = torch.from_numpy(np.load(layout.processed("bars").images("train")))
    normalised = layers.normalise(images, trained.mean, trained.std)
    # 240 images, all of them seen: the filters of the whole train split, up to their order
    expected = cnn.whitening(normalised, 2)
    near = torch.cdist(whiten.flatten(1), expected.flatten(1)).min(dim=1).values
    assert whiten.shape == (8, 1, 2, 2) and near.max() < 0.02


@pytest.mark.faults
def test_cuda_that_is_not_there_is_not_papered_over(layout):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(SightlineError, match="no CUDA device here"):
        run(layout, "mlp", compute=Compute(device="cuda"))


def test_the_trained_model_takes_raw_pixels_and_says_what_it_is(layout):
    run(layout, "lstm")
    trained, files = load_model(layout.trained("it")), layout.processed("bars")
    images, labels = np.load(files.images("test")), np.load(files.labels("test"))
    with torch.no_grad():
        outputs = trained(torch.from_numpy(images))
    assert set(outputs) == {"logits", "probabilities", "features"}
    assert outputs["features"].shape == (60, 16)
    assert (outputs["probabilities"].argmax(1).numpy() == labels).mean() > 0.9
    assert trained.description["data"]["classes"] == ["bar 0", "bar 1", "bar 2"]
    assert trained.description["parameters"] == sum(p.numel() for p in trained.parameters())
    with pytest.raises(SightlineError, match="dvc repro train@other"):
        load_model(layout.trained("other"))


@pytest.mark.parametrize("task", ["classify", "next-row"])
def test_the_loss_of_rows_shown_is_that_of_images_without_the_others(layout, task):
    training = before_its_first_step(layout, "short", task)
    images, labels = training.train_set.take(torch.arange(32))
    lengths = training.lengths(images)
    assert lengths.min() >= 5 and 5 < lengths.float().mean() < 12 and lengths.max() <= 12
    alone = [
        training.objective(images[i : i + 1, :n], labels[i : i + 1])[0]
        for i, n in enumerate(lengths.tolist())
    ]
    for junk in (0, 255):
        padded = images.clone()
        for image, length in zip(padded, lengths, strict=True):
            image[length:] = junk
        loss, _ = training.objective(padded, labels, lengths)
        assert torch.allclose(loss, torch.stack(alone).mean(), atol=1e-6)


@pytest.mark.parametrize("recipe", ["lstm", "short", "mlp"])
def test_accumulated_parts_take_the_steps_of_the_whole_batch(layout, recipe):
    """The order, the augmentation and the lengths are drawn for the batch, not for its parts."""
    changes = {"network": {"widths": [16]}} if recipe == "mlp" else {}
    steps = {"epochs": 15, **changes}  # of 7 steps each
    run(layout, recipe, **steps)
    one = [float(row["train_loss"]) for row in rows(layout)]
    run(layout, recipe, accumulate=5, **steps)  # of 32 images: unequal parts
    several = [float(row["train_loss"]) for row in rows(layout)]
    assert several == pytest.approx(one, abs=1e-5)
    assert timing(layout)["steps"] == 105


def test_the_best_epoch_is_kept_and_named(layout):
    run(layout, "mlp", epochs=8, name="last")
    run(layout, "mlp", epochs=8, keep="best")
    figures = [float(row["val_top1"]) for row in rows(layout)]
    best = figures.index(max(figures)) + 1  # the earlier of equal ones
    assert read_description(layout.trained("it"))["kept_epoch"] == best < 8
    assert rows(layout) == rows(layout, "last"), "what is kept changes no step"
    evaluate("it", layout)
    metrics = json.loads(layout.results("it").metrics.read_text())
    assert metrics["val"]["top1"] == pytest.approx(max(figures), abs=1e-6)


def test_a_training_ends_when_its_patience_does_killed_or_not(layout, monkeypatch):
    recipe = {"epochs": 30, "keep": "best", "stop": Stop(patience=3)}
    undisturbed = run(layout, "mlp", **recipe)
    curve = [float(row["val_top1"]) for row in rows(layout)]
    best = curve.index(max(curve)) + 1
    assert len(curve) == best + 3 < 30 and timing(layout)["steps"] == 7 * len(curve)
    take_step = Training.take_step

    def until_the_last_epoch(training, *args):
        if training.step == 7 * (len(curve) - 1):
            raise KeyboardInterrupt
        take_step(training, *args)

    often = replace(COMPUTE, checkpoint_seconds=0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "take_step", until_the_last_epoch)
        run(layout, "mlp", compute=often, **recipe)
    assert run(layout, "mlp", compute=often, **recipe) == undisturbed
    assert timing(layout)["steps_executed"] == 7


def test_without_a_val_split_there_is_no_best_epoch(tmp_path):
    layout = Layout(tmp_path)
    write_processed(layout.processed("bars").path, counts={"train": 240, "val": 0, "test": 60})
    with pytest.raises(SightlineError, match="bars has no val split: set its val_size"):
        run(layout, "mlp", keep="best")
