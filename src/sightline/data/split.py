"""Carve val (and, where a folder has none, test) out of train: stratified by class, by seed."""

import numpy as np

from sightline.errors import SightlineError
from sightline.settings.params import Dataset

# split of the publisher, row there -> split here: for each publisher's split, who takes which rows
Rows = dict[str, dict[str, np.ndarray]]


def carve(name: str, labels: dict[str, np.ndarray], settings: Dataset) -> Rows:
    """Return, for each split of the publisher, which of its rows go to train, val and test.

    Rows keep their order. Raises SightlineError where a split would be empty, or `test_size` is
    missing or not wanted.
    """
    place = f"datasets.{name}"
    own_test, own_val = "test" in labels, "val" in labels
    if own_test and settings.test_size:
        raise SightlineError(f"{place}: {name} has its own test split: leave test_size out")
    if not own_test and not settings.test_size:
        raise SightlineError(
            f"{place}: {name} has no test split of its own: set test_size, 0.2 for example"
        )
    for split in ("train", "test"):
        if split in labels and not len(labels[split]):
            raise SightlineError(f"{name}: there is no {split} image")
    rest = np.arange(len(labels["train"]))
    taken = {}
    for split, share, own in (
        ("test", settings.test_size, own_test),
        ("val", settings.val_size, own_val),
    ):
        if own or not share:
            continue
        taken[split], rest = take_share(labels["train"], rest, share, settings.seed)
        if not len(taken[split]):
            raise SightlineError(
                f"{place}: {split}_size {share} of {len(labels['train'])} train images in "
                f"{len(np.unique(labels['train']))} classes leaves {split} empty: raise it"
                + (", or set val_size: 0" if split == "val" else ", or add images")
            )
    rows = {"train": {"train": rest, **taken}}
    for split in ("val", "test"):
        if split in labels:
            rows[split] = {split: np.arange(len(labels[split]))}
    return rows


def take_share(
    labels: np.ndarray, rows: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take `share` of these rows, of every class alike; return the taken rows and the rest.

    The number of rows is that of the whole, rounded; what is left over after each class has given
    its whole rows comes from the classes with the largest fractions. No class gives its last row.
    """
    classes, counts = np.unique(labels[rows], return_counts=True)
    quota = counts * share
    take = np.floor(quota).astype(int)
    left_over = round(share * len(rows)) - take.sum()
    for index in np.argsort(take - quota, kind="stable")[:left_over]:
        take[index] += 1
    take = np.minimum(take, counts - 1)
    # RandomState: numpy has frozen its stream (NEP 19), that of default_rng may change
    random = np.random.RandomState(seed)
    drawn = np.sort(
        np.concatenate(
            [
                random.permutation(rows[labels[rows] == class_])[:number]
                for class_, number in zip(classes, take, strict=True)
            ]
        )
    )
    return drawn, np.setdiff1d(rows, drawn)
