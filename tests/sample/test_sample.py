"""The sample catalogue: its drawings, their digests, and the official formats they come in."""

import hashlib
import json
import os
import pickle
import pickletools
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from support import PROJECT

from sightline.data import source
from sightline.data.fetch import download
from sightline.data.formats import cifar
from sightline.data.formats.decode import decode
from sightline.errors import SightlineError
from sightline.layout import Layout, Raw
from sightline.sample import DATASETS, canvas, draw, drawn, formats, objects
from sightline.settings import catalogue as catalogues

CATALOGUE = Layout(PROJECT).catalogue("sample")
SMALL = {"train": 30, "test": 20, "seed": 3}


def entry(dataset: str, **settings) -> dict:
    return catalogues.load(CATALOGUE)[dataset] | {"draw": SMALL | settings}


# --- the rasteriser


def masked(loops, height=20, width=20):
    rows, columns, mask = canvas.coverage([loops], height, width)[0]
    pixels = np.zeros((height, width), np.int64)
    pixels[rows, columns] = mask
    return pixels


def box(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


def test_a_box_covers_exactly_its_area():
    mask = masked([box(2.5, 3, 6.25, 7)])
    assert mask.sum() == 256 * 3.75 * 4
    assert mask[4].tolist() == [0, 0, 128, 256, 256, 256, 64] + [0] * 13


def test_a_box_in_y_is_exact_to_a_quarter_of_a_pixel():
    assert masked([box(2, 3.25, 4, 5.5)])[:, 2].tolist()[2:7] == [0, 192, 256, 128, 0]


def test_a_circle_has_pi_r_squared():
    assert masked([canvas.CIRCLE * 7 + 10]).sum() / 256 == pytest.approx(3.14159 * 49, rel=0.02)


def test_a_part_beside_the_canvas_is_cut_off():
    star = np.array([[-5, 8], [9, -4], [24, 11], [8, 26]], float)
    assert (masked([star]) == masked([star + 30], 80, 80)[30:50, 30:50]).all()
    assert canvas.coverage([[box(30, 3, 40, 6)]], 20, 20) == [None]


def test_overlapping_loops_are_one_shape():
    both = masked([np.stack([box(2, 2, 8, 8), box(5, 2, 12, 8)])])
    assert (both == masked([box(2, 2, 12, 8)])).all()


def test_shapes_of_one_call_do_not_touch_each_other():
    loops = [[box(1, 1, 5, 5)], [box(30, 30, 33, 33)], [canvas.CIRCLE * 4 + 12]]
    together = canvas.coverage(loops, 20, 20)
    for loop, mask in zip(loops, together, strict=True):
        alone = canvas.coverage([loop], 20, 20)[0]
        assert (mask is None) == (alone is None)
        if mask:
            assert mask[:2] == alone[:2] and (mask[2] == alone[2]).all()


def test_a_line_is_as_thick_as_asked():
    line = np.array([[3, 10], [17, 10]], float)
    assert masked(canvas.thick(line, 4))[:, 10].sum() == 256 * 4


def test_a_smooth_line_goes_through_its_points():
    points = [(0, 0), (1, 2), (3, 1), (4, 4)]
    curve = canvas.smooth(points)
    assert all((curve == point).all(axis=1).any() for point in points)


# --- the drawings


@pytest.mark.parametrize("dataset", DATASETS)
def test_fewer_images_are_the_first_of_many(dataset):
    many, few = drawn(dataset, "train", 12, 0), drawn(dataset, "train", 5, 0)
    assert all((a == b).all() for a, b in zip(few.images, many.images, strict=False))
    assert (few.labels == many.labels[:5]).all()


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_class_comes_equally_often_and_no_image_twice(dataset):
    classes = DATASETS[dataset]
    split = drawn(dataset, "train", 2 * classes, 0)
    assert (np.bincount(split.labels) == 2).all()
    assert len({image.tobytes() for image in split.images}) == 2 * classes


def test_splits_and_seeds_differ():
    digests = {
        drawn("mnist", split, 5, seed).digests()["images"]
        for split in ("train", "test")
        for seed in (0, 1)
    }
    assert len(digests) == 4


def test_a_processor_without_vector_units_draws_the_same():
    script = (
        "import json; from sightline.sample import DATASETS, drawn; "
        "print(json.dumps({d: drawn(d, 'test', 20, 0).digests() for d in DATASETS}))"
    )
    features = [
        name
        for name, supported in np._core._multiarray_umath.__cpu_features__.items()
        if supported and name in np._core._multiarray_umath.__cpu_dispatch__
    ]
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    here = {dataset: drawn(dataset, "test", 20, 0).digests() for dataset in DATASETS}
    assert json.loads(printed) == here


def test_pictures_of_imagenet_vary_in_size_and_some_are_grey():
    images = drawn("imagenet", "train", 60, 0).images
    assert len({image.shape[:2] for image in images}) > 40
    assert {image.ndim for image in images} == {2, 3}
    assert all(80 <= side <= 320 for image in images for side in image.shape[:2])


def logistic_regression(train, test, steps=60) -> float:
    """Top-1 of multinomial logistic regression on pixels, by full-batch gradient descent."""
    x, z = (s.images.reshape(len(s.images), -1) / np.float32(255) for s in (train, test))
    mean = x.mean(axis=0)
    x, z = x - mean, z - mean
    aim = np.eye(10, dtype=np.float32)[train.labels]
    weights = speed = np.zeros((x.shape[1], 10), np.float32)
    for _ in range(steps):
        logits = x @ weights
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        gradient = x.T @ (odds / odds.sum(axis=1, keepdims=True) - aim) / len(x)
        speed = 0.9 * speed - 0.1 * gradient
        weights = weights + speed
    return float(((z @ weights).argmax(axis=1) == test.labels).mean())


@pytest.mark.parametrize(
    ("dataset", "low", "high"),
    [("mnist", 0.4, 0.85), ("fashion-mnist", 0.4, 0.85), ("cifar10", 0.2, 0.5)],
)
def test_a_linear_classifier_learns_something_but_does_not_solve_it(dataset, low, high):
    top1 = logistic_regression(drawn(dataset, "train", 1000, 0), drawn(dataset, "test", 300, 0))
    assert low < top1 < high


# --- files


@pytest.mark.parametrize("dataset", DATASETS)
def test_what_is_drawn_comes_out_of_the_decoder(dataset, tmp_path):
    catalogue = tmp_path / "sample.yaml"
    catalogue.write_text(yaml.safe_dump({dataset: entry(dataset)}, sort_keys=False))
    raw = Raw(tmp_path / dataset)
    download(catalogue, raw, tmp_path / "parts")
    about, paths = source.read(raw)
    assert about["real"] is False
    decoded = decode(about, paths)
    assert len(decoded.classes) == DATASETS[dataset]
    for split in ("train", "test"):
        expected = drawn(dataset, split, SMALL[split], SMALL["seed"])
        labels = decoded.labels[split]
        if dataset == "imagenet":  # the archive is sorted by class
            assert (np.sort(labels) == np.sort(expected.labels)).all()
        else:
            assert (labels == expected.labels).all()
            images = np.stack([item.image for item in decoded.items() if item.split == split])
            assert (images.squeeze() == expected.images).all()


@pytest.mark.parametrize("dataset", DATASETS)
def test_archives_are_the_same_bytes_twice(dataset, tmp_path):
    digests = []
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        draw(dataset, entry(dataset, train=10, test=5), tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        digests.append([(f.name, hashlib.sha256(f.read_bytes()).digest()) for f in files])
    assert digests[0] == digests[1]
    assert [name for name, _ in digests[0]] == sorted(f["name"] for f in entry(dataset)["files"])


def test_cifar_files_are_as_python_2_wrote_them(tmp_path):
    draw("cifar10", entry("cifar10"), tmp_path)
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz") as tar:
        names = [member.name for member in tar if member.isfile()]
        data = tar.extractfile("cifar-10-batches-py/data_batch_2").read()
    batches = ["batches.meta", *(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    assert names == [f"cifar-10-batches-py/{name}" for name in batches]
    assert data[:2] == b"\x80\x02"
    assert {code.name for code, _, _ in pickletools.genops(data)} >= {"SHORT_BINSTRING"}
    batch = pickle.loads(data, encoding="bytes")
    assert set(batch) == {b"batch_label", b"labels", b"data", b"filenames"}
    assert batch[b"batch_label"] == b"training batch 2 of 5"
    assert batch[b"data"].shape == (6, 3072) and len(batch[b"filenames"]) == 6


def test_strings_long_and_short_survive_the_pickle():
    value = {"short": "a" * 255, "long": "b" * 256, "n": [0, -1, 70000], "x": np.eye(3, dtype="u1")}
    content = cifar.unpickle(formats.pickled(value), "here")
    assert content["short"] == value["short"] and content["long"] == value["long"]
    assert content["n"] == value["n"] and (content["x"] == value["x"]).all()
    with pytest.raises(TypeError, match="no float"):
        formats.pickled({"x": 1.5})


@pytest.mark.mirror
def test_classes_are_those_of_the_real_cifar100():
    mirror = os.environ.get("SIGHTLINE_MIRROR") or pytest.skip("SIGHTLINE_MIRROR is not set")
    archive = next(Path(mirror).glob("cifar/cifar-100*.tar.gz"))
    with tarfile.open(archive) as tar:
        members = {
            name: cifar.unpickle(tar.extractfile(f"cifar-100-python/{name}").read(), name)
            for name in ("meta", "train")
        }
    assert members["meta"]["fine_label_names"] == objects.FINE
    assert members["meta"]["coarse_label_names"] == objects.COARSE
    labels = zip(members["train"]["fine_labels"], members["train"]["coarse_labels"], strict=True)
    assert dict(labels) == dict(enumerate(objects.GROUP))


# --- mistakes


def test_other_pixels_than_those_pinned_are_refused(tmp_path):
    content = {
        split: drawn("mnist", split, SMALL[split], 3).digests() for split in ("train", "test")
    }
    pinned = {f"{split}-{part}": d for split, parts in content.items() for part, d in parts.items()}
    draw("mnist", entry("mnist", sha256=pinned), tmp_path)
    wrong = pinned | {"test-images": "f" * 64}
    with pytest.raises(SightlineError) as caught:
        draw("mnist", entry("mnist", sha256=wrong), tmp_path / "no")
    message = str(caught.value)
    for part in ("test-images", "f" * 64, pinned["test-images"], "python -m sightline.sample pin"):
        assert part in message
    del wrong["test-images"]
    with pytest.raises(SightlineError, match="the catalogue says None"):
        draw("mnist", entry("mnist", sha256=wrong), tmp_path / "no")


@pytest.mark.parametrize(
    ("dataset", "settings", "message"),
    [
        ("mnist", {"train": 0}, "train: is 0"),
        ("mnist", {"test": "many"}, "test: is 'many'"),
        ("mnist", {"sead": 1}, "no setting sead"),
        ("cifar10", {"train": 12}, "multiple of 5"),
    ],
)
def test_wrong_settings_are_named(dataset, settings, message, tmp_path):
    with pytest.raises(SightlineError, match=message):
        draw(dataset, entry(dataset, **settings), tmp_path)


def test_a_dataset_that_nobody_draws_is_named(tmp_path):
    with pytest.raises(SightlineError, match="no drawing of 'svhn'"):
        draw("svhn", entry("mnist"), tmp_path)


# --- slow: everything


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_the_catalogue_is_drawn_as_it_is_pinned(dataset, tmp_path):
    raw = Raw(tmp_path / dataset)
    download(CATALOGUE, raw, tmp_path / "parts")
    assert raw.source.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "low", "high"),
    [("mnist", 0.93, 1), ("fashion-mnist", 0.78, 0.97), ("cifar10", 0.6, 0.95)],
)
def test_a_small_cnn_learns_it_in_six_epochs(dataset, low, high):
    torch = pytest.importorskip("torch")
    from torch import nn

    train, test = drawn(dataset, "train", 3600, 0), drawn(dataset, "test", 1000, 0)
    shape = (-1, *train.images.shape[1:3], 3 if train.images.ndim == 4 else 1)
    x, z = (
        torch.from_numpy(s.images).reshape(shape).permute(0, 3, 1, 2) / 255 - 0.5
        for s in (train, test)
    )
    aim = torch.from_numpy(train.labels.astype(np.int64))
    torch.manual_seed(0)
    layers, depth = [], x.shape[1]
    for width in (16, 32, 64):
        layers += [nn.Conv2d(depth, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        depth = width
    net = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(10))
    net(x[:2])
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(6):
        for rows in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), aim[rows]).backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        top1 = (net(z).argmax(1).numpy() == test.labels).mean()
    assert low <= top1 <= high
