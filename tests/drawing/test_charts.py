"""Charts: colours that differ, ticks at what there is, texts inside their picture."""

import colorsys
import io

import numpy as np
import pytest
from PIL import Image

from sightline.drawing.charts import COLOURS, Line, chart, colour, plot_lines
from sightline.drawing.text import NAME_TAIL, font, shortened
from sightline.insight import insight, occlusion
from sightline.tasks.classify import evaluation
from sightline.tasks.classify import insight as confused

WIDE = ["W" * 40, "M" * 39 + "1"]


def grey(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_no_model_of_a_page_has_the_colour_of_another():
    colours = [colour(place) for place in range(40)]
    assert colours[: len(COLOURS)] == COLOURS and len(set(colours)) == 40
    parts = [[int(c[at : at + 2], 16) / 255 for at in (1, 3, 5)] for c in colours]
    assert all(0.2 < colorsys.rgb_to_hls(*part)[1] < 0.75 for part in parts)
    near = [np.abs(np.subtract(a, b)).max() for i, a in enumerate(parts[:16]) for b in parts[:i]]
    assert min(near) > 0.1


@pytest.mark.parametrize("log", [False, True])
def test_there_is_no_tick_between_two_epochs(log):
    figure, axes = chart((5, 3), "")
    plot_lines(axes, [Line("a", [1, 2, 3, 4, 5], [1.0, 2, 3, 4, 5], COLOURS[0])], log)
    figure.canvas.draw()
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_long_names_end_in_a_sign_and_stay_inside_the_picture():
    """Nothing dark touches the border of a picture."""
    short = [shortened(name, insight.NAME, NAME_TAIL) for name in WIDE]
    assert all("…" in name and font().getlength(name) <= insight.NAME for name in short)
    captions = [f"is {name}\npredicted {name}" for name in short * 3]
    images = np.full((6, 28, 28, 1), 200, np.uint8)
    drawn = occlusion.maps_figure("a title", images, [np.zeros((28, 28))] * 6, captions, "it")
    long = shortened(WIDE[0], confused.NAME, NAME_TAIL)
    rows = [(f"is {long}\npredicted {long}\n1 of 2", images)] * 3
    for picture in (grey(drawn), grey(confused.rows_of_examples("a title", rows))):
        assert (picture[:, :3] > 200).all() and (picture[:, -3:] > 200).all()


def test_captions_of_neighbours_do_not_touch():
    name = shortened(WIDE[0], insight.NAME, NAME_TAIL)
    images = np.full((6, 28, 28, 1), 200, np.uint8)
    captions = [f"is {name}\npredicted {name}"] * 6
    picture = grey(occlusion.maps_figure("", images, [np.zeros((28, 28))] * 6, captions, "it"))
    lines = (picture[:60] < 128).any(0)  # above the images
    runs = np.flatnonzero(np.diff(np.flatnonzero(lines)) > 4)
    assert len(runs) >= 5


@pytest.mark.parametrize(("classes", "shown"), [(10, 10), (100, 100), (1000, 100)])
def test_a_confusion_matrix_names_its_classes(classes, shown, monkeypatch):
    figures = []
    monkeypatch.setattr(evaluation.charts, "png", figures.append)
    labels = np.arange(classes)
    names = [f"class {label}" for label in labels]
    evaluation.confusion_matrix(labels, labels, names, "a title")
    (axes, _) = figures[0].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == names[:: classes // shown]
    assert [label.get_text() for label in axes.get_xticklabels()] == names[:: classes // shown]
