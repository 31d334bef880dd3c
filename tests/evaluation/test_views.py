"""Test-time augmentation: what is shown, and that its figures stand apart."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support import write_processed

from sightline.data.arrays import load_split
from sightline.evaluation.evaluate import evaluate
from sightline.evaluation.views import over_views, views
from sightline.layout import Layout
from sightline.models.trained import load_model
from sightline.settings.params import Compute, Model
from sightline.settings.recipe import Augment, Optimizer, Recipe
from sightline.training.loop import train

IMAGE = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
MOVED = {
    "as it is": [[0, 1, 2], [3, 4, 5], [6, 7, 8]],
    "up and left": [[4, 5, 4], [7, 8, 7], [4, 5, 4]],
    "down and right": [[4, 3, 4], [1, 0, 1], [4, 3, 4]],
}


def test_flip_shows_the_image_and_its_mirror_image():
    shown = [(weight, view[0, :, :, 0].tolist()) for weight, view in views(IMAGE, "flip", True)]
    assert shown == [(0.5, MOVED["as it is"]), (0.5, [row[::-1] for row in MOVED["as it is"]])]


def test_flip_translate_shows_three_places_and_their_mirror_images_for_a_model_that_flips():
    shown = [(w, view[0, :, :, 0].tolist()) for w, view in views(IMAGE, "flip-translate", False)]
    places = [MOVED[place] for place in ("as it is", "up and left", "down and right")]
    assert shown == list(zip([0.5, 0.25, 0.25], places, strict=True))
    both = [(w, view[0, :, :, 0].tolist()) for w, view in views(IMAGE, "flip-translate", True)]
    assert both[::2] == [(weight / 2, place) for weight, place in shown]
    assert [place for _, place in both[1::2]] == [[row[::-1] for row in p] for p in places]


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Layout:
    made = Layout(tmp_path_factory.mktemp("views"))
    write_processed(made.processed("bars").path)
    recipe = Recipe(1, 32, Optimizer("adam", 0.02), network={"widths": [4]})
    for name, flip in (("flipping", "random"), ("plain", "none")):
        changed = replace(recipe, augment=Augment(flip=flip))
        model = Model("bars", "cnn", "classify", "quick")
        train(name, model, changed, Compute(device="cpu"), made)
    return made


def metrics(layout: Layout, name: str, *views: str) -> dict:
    evaluate(name, layout, *views)
    return json.loads(layout.results(name).figures.read_text())


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("flipping", "flip", 2),
        ("flipping", "flip-translate", 6),
        ("plain", "flip-translate", 3),
        ("plain", "flip", None),
        ("flipping", "none", None),
    ],
)
def test_figures_over_views_stand_apart(layout, name, kind, count):
    alone, both = metrics(layout, name), metrics(layout, name, kind)
    apart = both.pop("test_time", {})
    assert both == alone and apart.get("views") == count
    assert set(apart) == ({"views", "val", "test"} if count else set())


def test_the_logits_of_the_views_are_averaged(layout):
    model = load_model(layout.trained("flipping"))
    images, labels = load_split(layout.processed("bars"), "test")
    figures = over_views(model, {"test": (images, labels)}, "flip")["test_time"]["test"]
    with torch.no_grad():
        shown = (np.array(images), np.array(images[:, :, ::-1]))
        logits = [model(torch.from_numpy(view))["logits"] for view in shown]
    loss = torch.nn.functional.cross_entropy(sum(logits) / 2, torch.from_numpy(np.array(labels)))
    assert figures["loss"] == pytest.approx(loss.item(), abs=1e-5)
