"""Splits: stratified, by seed, stable over versions of numpy, with nothing lost or used twice."""

import numpy as np
import pytest

from sightline.data import split
from sightline.errors import SightlineError
from sightline.settings.params import Dataset


def settings(**changes):
    return Dataset(**{"image_size": 8, "channels": 1, "val_size": 0.1, "seed": 0, **changes})


LABELS = np.repeat(np.arange(4), [100, 50, 30, 20])
TEST = np.arange(4)


def test_every_row_goes_to_one_split():
    rows = split.carve("d", {"train": LABELS, "test": TEST}, settings())
    together = np.sort(np.concatenate([rows["train"]["train"], rows["train"]["val"]]))
    assert np.array_equal(together, np.arange(200))
    assert np.array_equal(rows["test"]["test"], np.arange(4))


def test_every_class_gives_its_share():
    rows = split.carve("d", {"train": LABELS, "test": TEST}, settings())
    assert np.bincount(LABELS[rows["train"]["val"]]).tolist() == [10, 5, 3, 2]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25, 0.33, 0.5, 0.9])
@pytest.mark.parametrize("counts", [[7, 7, 7], [100, 3, 1], [1, 1, 50], [11, 13, 17, 19]])
def test_the_whole_is_rounded_and_no_class_is_off_by_more_than_one(share, counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    taken, rest = split.take_share(labels, np.arange(len(labels)), share, 0)
    given = np.bincount(labels[taken], minlength=len(counts))
    assert (np.abs(given - np.array(counts) * share) <= 1).all()
    assert abs(len(taken) - len(labels) * share) <= 1 + counts.count(1)
    assert set(labels[rest]) == set(labels)


def test_the_seed_decides():
    labels = {"train": LABELS, "test": TEST}
    one, same, other = (
        split.carve("d", labels, settings(seed=seed))["train"]["val"] for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_the_draw_is_pinned():
    """Were this to change, every val split ever made, and every figure on it, would change."""
    taken, _ = split.take_share(np.repeat([0, 1], 10), np.arange(20), 0.3, 0)
    assert taken.tolist() == PINNED


PINNED = [2, 4, 8, 11, 13, 15]


def test_val_size_0_leaves_val_empty():
    rows = split.carve("d", {"train": LABELS, "test": TEST}, settings(val_size=0))
    assert list(rows["train"]) == ["train"] and len(rows["train"]["train"]) == 200


def test_test_and_val_are_carved_from_a_folder_without_them():
    rows = split.carve("d", {"train": LABELS}, settings(test_size=0.2))["train"]
    assert np.bincount(LABELS[rows["test"]]).tolist() == [20, 10, 6, 4]
    assert np.bincount(LABELS[rows["val"]]).tolist() == [8, 4, 2, 2]
    assert len(np.unique(np.concatenate(list(rows.values())))) == 200


def test_a_val_split_of_the_publisher_is_kept():
    rows = split.carve("d", {"train": LABELS, "val": TEST, "test": TEST}, settings())
    assert len(rows["train"]["train"]) == 200 and rows["val"]["val"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ({"train": LABELS}, {}, "datasets.d: d has no test split of its own: set test_size"),
        ({"train": LABELS, "test": TEST}, {"test_size": 0.2}, "leave test_size out"),
        ({"train": LABELS[:0], "test": TEST}, {}, "d: there is no train image"),
        ({"train": LABELS, "test": TEST[:0]}, {}, "d: there is no test image"),
        ({"train": LABELS[:1], "test": TEST}, {}, "leaves val empty: raise it, or set val_size: 0"),
        ({"train": np.arange(50), "test": TEST}, {}, "50 classes leaves val empty"),
        ({"train": LABELS[:1]}, {"test_size": 0.2}, "leaves test empty: raise it, or add images"),
    ],
)
def test_what_is_wrong_is_named(labels, changes, message):
    with pytest.raises(SightlineError, match=message):
        split.carve("d", labels, settings(**changes))


def test_one_image_with_val_size_0():
    rows = split.carve("d", {"train": LABELS[:1], "test": TEST}, settings(val_size=0))
    assert rows["train"]["train"].tolist() == [0]
