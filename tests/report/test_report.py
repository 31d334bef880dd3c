"""The page of a dataset: whole, self-contained, and with the figures of its models."""

import json
import shutil
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from results import make_results

from sightline.cli import main
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.models.results import Result, read
from sightline.report import facts
from sightline.report.pages import render, report

ROOT = Path(__file__).parents[2]
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page holds: its text, its elements with their attributes; it must be well nested."""

    def __init__(self, path: Path):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


def make(root: Path) -> Layout:
    """The project's params.yaml; a cnn and an mlp, and an lstm with gradients and first rows."""
    shutil.copy(ROOT / "params.yaml", root)
    shutil.copytree(ROOT / "data/catalogues", root / "data/catalogues")
    for name in ("mnist-cnn", "mnist-mlp", "mnist-lstm"):
        layout = make_results(root, name)
    tables = layout.insight("mnist-lstm") / "tables"
    (tables / "gradients.csv").write_text("step,before,after\n1,0.001,0.2\n2,0.1,0.02\n")
    (tables / "first_rows.csv").write_text("rows,top1\n1,0.1\n2,0.5\n3,0.9\n")
    return layout


@pytest.fixture
def project(tmp_path) -> Layout:
    return make(tmp_path)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    layout = make(tmp_path_factory.mktemp("report"))
    (path,) = report(layout)
    assert path == layout.root / "reports/sample-mnist.html"
    return Page(path)


def test_the_page_names_every_model_and_its_figures(page):
    for name in ("mnist-cnn", "mnist-mlp", "mnist-lstm"):
        assert name in page.text
        assert sum(f": {name}" in a.get("alt", "") for _, a in page.elements) == 3
    assert "0.9000" in page.text and "0.8000" in page.text  # val and test


def test_nothing_is_fetched_and_no_name_is_given_twice(page):
    elements = page.elements
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object"}
    for tag, attributes in elements:
        for key in ("src", "href", "xlink:href", "data", "srcset"):
            assert attributes.get(key, "#").startswith(("#", "data:image/png;base64,")), tag
    ids = Counter(attributes["id"] for _, attributes in elements if "id" in attributes)
    assert max(ids.values()) == 1
    links = {a["href"][1:] for tag, a in elements if tag == "a"}
    assert links <= set(ids)


def test_charts_are_in_the_colour_of_the_page(page):
    assert sum(tag == "svg" and a["role"] == "img" for tag, a in page.elements) == 5
    assert "#000000" not in page.source and "currentColor" in page.source
    for chart in page.source.split("<svg")[1:]:
        ET.fromstring("<svg" + chart.split("</svg>")[0] + "</svg>")


def test_data_that_is_not_real_is_said_to_be_so(page, project):
    assert "This is not real data" in page.text
    make_results(project.root, "mnist-cnn", catalogue="mirror")
    pages = {path.name: Page(path).text for path in report(project)}
    assert "not real" not in pages["mirror-mnist.html"]
    assert "mnist-cnn" not in pages["sample-mnist.html"]


def test_it_is_the_same_every_time(project):
    results = [read(name, project) for name in ("mnist-cnn", "mnist-lstm")]
    assert render(results) == render(results)


def test_what_a_note_says_is_text(project):
    found = read("mnist-cnn", project)
    found.model["data"]["note"] = "<script>alert(1)</script>"
    assert "<script>" not in render([found])


def test_without_a_val_split_there_is_no_val(project):
    text = render([read("mnist-cnn", make_results(project.root, val_top1=None))])
    assert "val top1" in text and "the figure on val" not in text  # a column that stays empty


def test_figures_over_views_stand_apart(project):
    text = render([read("mnist-cnn", project)])
    assert "test-time augmentation" not in text
    path = project.report("mnist-cnn") / "metrics.json"
    found = json.loads(path.read_text())
    views = {"views": 6, "test": dict.fromkeys(found["test"], 0.98765)}
    path.write_text(json.dumps(found | {"test_time": views}))
    text = render([read("mnist-cnn", project)])
    assert "over 6 views of each image\nmnist-cnn has a top1 of 0.9877 on test" in text


def test_a_model_without_insight_is_there_and_named(project, caplog):
    shutil.rmtree(project.insight("mnist-lstm"))
    (path,) = report(project)
    assert "mnist-lstm" in Page(path).text
    assert "dvc repro insight@mnist-lstm" in caplog.text


def test_with_nothing_evaluated_it_says_what_to_run(tmp_path, capsys, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data/catalogues", tmp_path / "data/catalogues")
    with pytest.raises(SightlineError, match="dvc repro insight@mnist-mlp"):
        report(Layout(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 1
    assert "make run" in capsys.readouterr().err


def result(
    name="x-rnn", network="rnn", parameters=10, top1=0.5, val=(0.4, 0.5), **tables
) -> Result:
    return Result(
        name=name,
        model={"network": network, "parameters": parameters, "task": "classify"},
        metrics={"test": {"top1": top1}},
        timing={},
        epochs=[{"epoch": str(e), "val_top1": str(v)} for e, v in enumerate(val, 1)],
        tables=tables,
        pictures={},
    )


def test_facts_worked_out_by_hand():
    norms = [("0", "1"), ("0.001", "0.01"), ("1", "0.1"), ("0", "0")]  # a last step that is 0
    table = [{"before": before, "after": after} for before, after in norms]
    found = result(gradients=table[1:], first_rows=[{"top1": v} for v in ("0.1", "0.44", "0.8")])
    assert facts.decades(found, "before") == pytest.approx(3)
    assert facts.decades(found, "after") == pytest.approx(1)
    assert facts.decades(result(gradients=table), "before") is None
    assert facts.rows_to_half(found) == 2


def test_the_mlp_is_compared_with_the_cnn():
    mlp = result("x-mlp", "mlp", 900, 0.91, val=(0.8, 0.9))
    cnn = result("x-cnn", "cnn", 100, 0.95, val=(0.7, 0.85, 0.9, 0.94))
    said = facts.sharing([mlp, cnn, result()])
    assert "900 parameters and a top-1 of 91.00%" in said and "has 100 and 95.00%" in said
    assert "the mlp has 9." in said and "after epoch 3 of 4" in said
    assert "never was as good" in facts.sharing([mlp, result("x-cnn", "cnn", 100, 0.5)])
    assert "On val" not in facts.sharing([result("x-mlp", "mlp", val=("",)), cnn])
    assert facts.sharing([mlp, result()]) == ""
