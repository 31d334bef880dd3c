"""The page of a dataset: whole, self-contained, and with the figures of its models."""

import json
import re
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
from sightline.report import charts, facts
from sightline.report.page_model import PageModel
from sightline.report.pages import render, write_pages
from sightline.report.topics import INSIGHT

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
    insight = layout.results("mnist-lstm").insight
    insight.table("gradients").write_text("step,before,after\n1,0.001,0.2\n2,0.1,0.02\n")
    insight.table("first_rows").write_text("rows,top1\n1,0.1\n2,0.5\n3,0.9\n")
    return layout


@pytest.fixture
def project(tmp_path) -> Layout:
    return make(tmp_path)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    layout = make(tmp_path_factory.mktemp("report"))
    (path,) = write_pages(layout)
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


def test_data_that_is_not_real_has_a_warning(page, project):
    assert "This is not real data" in page.text
    make_results(project.root, "mnist-cnn", catalogue="mirror")
    pages = {path.name: Page(path).text for path in write_pages(project)}
    assert "not real" not in pages["mirror-mnist.html"]
    assert "mnist-cnn" not in pages["sample-mnist.html"]


def test_it_is_the_same_every_time(project):
    def text() -> str:
        return render([PageModel(name, project) for name in ("mnist-cnn", "mnist-lstm")])

    assert text() == text()


def test_a_note_is_text(project):
    model = PageModel("mnist-cnn", project)
    model.data["note"] = "<script>alert(1)</script>"
    assert "<script>" not in render([model])


def test_without_a_val_split_no_val_is_shown(project):
    text = render([PageModel("mnist-cnn", make_results(project.root, val_top1=None))])
    assert "val top1" in text and "the figure on val" not in text  # a column that stays empty


def test_figures_over_views_stand_apart(project):
    assert "test-time augmentation" not in render([PageModel("mnist-cnn", project)])
    path = project.results("mnist-cnn").figures
    metrics = json.loads(path.read_text())
    views = {"views": 6, "test": dict.fromkeys(metrics["test"], 0.98765)}
    path.write_text(json.dumps(metrics | {"test_time": views}))
    text = render([PageModel("mnist-cnn", project)])
    assert "over 6 views of each image\nmnist-cnn has a top1 of 0.9877 on test" in text


def test_a_model_without_insight_is_shown_and_named(project, caplog):
    shutil.rmtree(project.results("mnist-lstm").insight.path)
    (path,) = write_pages(project)
    assert "mnist-lstm" in Page(path).text
    assert "dvc repro insight@mnist-lstm" in caplog.text


def test_a_page_of_a_dataset_that_is_gone_goes_too(project, caplog):
    caplog.set_level("INFO")
    (path,) = write_pages(project)
    gone = project.page("sample", "old-mnist")
    gone.write_text(path.read_text().replace("<title>mnist (", "<title>old-mnist ("))
    own = project.page("my", "page")
    own.write_text("<title>Mine</title>")
    assert write_pages(project) == [path]
    assert path.exists() and own.exists() and not gone.exists()
    assert "params.yaml has no model of old-mnist" in caplog.text


def test_the_command_ends_with_links_that_a_terminal_opens(project, monkeypatch, capsys):
    monkeypatch.chdir(project.root)
    assert main(["report"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (project.root / "reports/sample-mnist.html").resolve().as_uri()
    ]


def test_nine_models_have_nine_colours(project, monkeypatch):
    colours = []
    monkeypatch.setattr(charts, "epochs", lambda models, by_name, column: colours.append(by_name))
    models = [PageModel("mnist-cnn", project)]
    for number in range(8):
        make_results(project.root, f"mnist-cnn-{number}")
        models.append(PageModel(f"mnist-cnn-{number}", project))
    render(models)
    assert len(set(colours[0].values())) == 9


def test_the_words_of_a_page_hold_for_photographs_too(page):
    texts = page.text + "".join(topic.text for topic in INSIGHT)
    assert not re.search(r"\b(ink|strokes?|pen|said)\b", texts)


def test_with_nothing_evaluated_it_names_what_to_run(tmp_path, capsys, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data/catalogues", tmp_path / "data/catalogues")
    with pytest.raises(SightlineError, match="dvc repro insight@mnist-mlp"):
        write_pages(Layout(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 1
    assert "make run" in capsys.readouterr().err


def page_model(
    name: str = "x-rnn",
    parameters: int = 10,
    top1: float = 0.5,
    val: tuple = (0.4, 0.5),
    task: str = "classify",
    **tables: list[dict],
) -> PageModel:
    """A model whose files are not read."""
    model = PageModel(name, Layout("nowhere"))
    recipe = {"epochs": len(val)}
    description = {"network": name.split("-")[1], "parameters": parameters, "task": task}
    epochs = [{"epoch": str(e), "val_top1": str(v)} for e, v in enumerate(val, 1)]
    vars(model).update(
        description=description | {"recipe": recipe},
        metrics={"test": {"top1": top1}},
        epochs=epochs,
        tables=tables,
    )
    return model


def test_facts_worked_out_by_hand():
    norms = [("0", "1"), ("0.001", "0.01"), ("1", "0.1"), ("0", "0")]  # a last step that is 0
    table = [{"before": before, "after": after} for before, after in norms]
    rows = [{"top1": value} for value in ("0.1", "0.44", "0.8")]
    model = page_model(gradients=table[1:], first_rows=rows)
    assert facts.decades(model, "before") == pytest.approx(3)
    assert facts.decades(model, "after") == pytest.approx(1)
    assert facts.decades(page_model(gradients=table), "before") is None
    assert facts.rows_to_half(model) == 2


def test_the_mlp_is_compared_with_the_cnn():
    mlp = page_model("x-mlp", 900, 0.91, val=(0.8, 0.9))
    cnn = page_model("x-cnn", 100, 0.95, val=(0.7, 0.85, 0.9, 0.94))
    text = facts.sharing([mlp, cnn, page_model()])
    assert "900 parameters and a top-1 of 91.00%" in text and "has 100 and 95.00%" in text
    assert "the mlp has 9." in text and "after epoch 3 of 4" in text
    assert "never was as good" in facts.sharing([mlp, page_model("x-cnn", 100, 0.5)])
    assert "On val" not in facts.sharing([page_model("x-mlp", val=("",)), cnn])
    assert facts.sharing([mlp, page_model()]) == ""
    other = [page_model(f"x-{network}", task="rotation") for network in ("cnn", "mlp")]
    assert facts.sharing(other) == ""
