"""The stage: what each kind of network gets, and that it repeats itself to the byte."""

import csv
from collections import Counter

import pytest
from exported import trained

from sightline.errors import SightlineError
from sightline.insight.insight import insight
from sightline.layout import Layout
from sightline.tasks.classify.insight import confused_pairs

OCCLUSION = {"occlusion.csv", "occlusion.png"}
EVERY = OCCLUSION | {"confused.csv", "confused.png"}
BACK = {"gradients.csv", "gradients.png"}
GATES, ROWS = {"gates.csv", "gates.png"}, {"first_rows.csv", "first_rows.png"}


def files(layout: Layout, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in layout.results(name).insight.path.glob("*/*")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mlp", EVERY),  # as a network of a user's own that neither convolves nor recurs
        ("cnn", EVERY | {"filters.png", "features.png"}),
        ("irnn", EVERY | BACK | ROWS),
        ("lstm-deep", EVERY | BACK | GATES),  # it reads from both ends: no rows seen first
        ("gru-pixels", EVERY | BACK | GATES | ROWS),
        ("lstm-next-row", OCCLUSION | BACK | GATES),
        ("cnn-rotation", OCCLUSION | {"filters.png", "features.png"}),
    ],
)
def test_each_network_gets_what_applies_to_it_the_same_every_time(layout, name, expected):
    insight(name, layout)
    first = files(layout, name)
    assert set(first) == expected
    layout.results(name).insight.picture("old").write_bytes(b"of another network")
    insight(name, layout)
    assert files(layout, name) == first


def test_tables_hold_the_figures(layout):
    insight("irnn", layout)
    results = layout.results("irnn")
    tables = {
        path.stem: list(csv.DictReader(path.open())) for path in results.insight.tables.iterdir()
    }
    assert [row["step"] for row in tables["gradients"]] == [str(step) for step in range(1, 13)]
    assert float(tables["gradients"][-1]["before"]) > 0
    answers = list(csv.DictReader(results.table("confusion").open()))
    right = sum(row["actual"] == row["predicted"] for row in answers) / len(answers)
    assert float(tables["first_rows"][-1]["top1"]) == pytest.approx(right, abs=1e-5)
    assert [row["image"] for row in tables["occlusion"]] == ["0", "1", "2"]  # of three classes
    assert all(int(row["row"]) < 12 > int(row["column"]) for row in tables["occlusion"])
    counts = Counter((row["actual"], row["predicted"]) for row in answers)
    for row in tables["confused"]:
        assert int(row["count"]) == counts[row["actual"], row["predicted"]]
        assert row["of"] == "20"


def test_the_most_frequent_mistakes_come_first():
    answers = [("a", "b"), *[("b", "c")] * 3, *[("c", "c")] * 9, ("c", "a"), ("b", "c")]
    assert confused_pairs(answers) == [("b", "c", 4), ("a", "b", 1), ("c", "a", 1)]


def test_what_is_missing_is_named_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(SightlineError, match="dvc repro train@mnist-cnn"):
        insight("mnist-cnn", Layout(tmp_path))
    layout = trained(tmp_path, "mlp")
    layout.results("mlp").table("confusion").unlink()
    with pytest.raises(SightlineError, match="dvc repro evaluate@mlp"):
        insight("mlp", layout)
