import shutil
from pathlib import Path

import pytest
from results import make_results

from sightline.layout import Layout
from sightline.report import compare
from sightline.settings import params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path) -> Path:
    """The project's own params.yaml and catalogues; nothing has run."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data/catalogues", tmp_path / "data/catalogues")
    return tmp_path


def table(root: Path) -> list[str]:
    layout = Layout(root)
    return compare.table(params.load(layout), layout).splitlines()


def line(root: Path, name: str) -> list[str]:
    (cells,) = [text.split() for text in table(root) if text.startswith(f"{name} ")]
    return cells


def test_what_has_not_run_is_a_dash(project):
    assert line(project, "mnist-cnn") == [
        *("mnist-cnn", "mnist", "classify", "cnn-4"),
        *("-", "top1", "-", "-", "-", "-"),
    ]
    assert len(table(project)) == 1 + len(params.load(Layout(project)).models)


def test_what_has_run_is_shown_as_it_was_trained(project):
    make_results(project, val_top1=0.91, seconds=12.5)
    (project / "models/mnist-cnn/model.onnx").write_bytes(bytes(123456))
    assert line(project, "mnist-cnn") == [
        *("mnist-cnn", "mnist", "classify", "cnn-3"),  # not cnn-4, as params.yaml says
        *("48", "top1", "0.9100", "0.8000", "12.5", "123"),
    ]


def test_a_stage_that_failed_leaves_its_columns_empty(project):
    make_results(project, val_top1=None)
    (project / "reports/mnist-cnn/tables/figures.json").unlink()
    (project / "models/mnist-cnn/model.onnx").unlink()
    assert line(project, "mnist-cnn")[4:] == ["48", "top1", "-", "-", "12.5", "-"]


def test_no_val_split(project):
    make_results(project, val_top1=None)
    assert line(project, "mnist-cnn")[6:8] == ["-", "0.8000"]


def test_columns_are_aligned(project):
    make_results(project)
    rows = table(project)[2:]
    header = rows[0]
    for column in ("dataset", "recipe"):  # words start where their title starts
        start = header.index(column)
        assert all(row[start - 1] == " " and row[start] != " " for row in rows)
    assert len({len(row) for row in rows}) == 1  # numbers end where their title ends


def test_data_that_is_not_real_is_named_once_above(project):
    make_results(project, "mnist-cnn")
    make_results(project, "mnist-lstm")
    first, blank, header = table(project)[:3]
    assert first.startswith("NOT real data (sample): mnist")
    assert blank == ""
    assert header.startswith("model")


def test_real_data_needs_no_warning(project):
    make_results(project, catalogue="mirror")
    assert table(project)[0].startswith("model")


def test_the_catalogue_has_a_column_where_there_are_several(project):
    make_results(project, catalogue="mirror")
    assert line(project, "mnist-cnn")[:4] == ["mnist-cnn", "mnist", "mirror", "classify"]
    assert line(project, "mnist-mlp")[:4] == ["mnist-mlp", "mnist", "sample", "classify"]


@pytest.mark.parametrize("catalogue", ["sample", "mirror"])
def test_a_line_fits_120_columns(project, catalogue):
    for name in params.load(Layout(project)).models:
        layout = make_results(project, name, seconds=1234.5)
        path = layout.trained(name).description
        path.write_text(path.read_text().replace('"parameters": 48', '"parameters": 12345678'))
    make_results(project, catalogue=catalogue)
    assert max(map(len, table(project))) <= 120


def test_in_markdown_the_figures_stand_beside_the_names(project):
    make_results(project, val_top1=0.91, seconds=12.5)
    layout = Layout(project)
    lines = compare.markdown_table(params.load(layout), layout).splitlines()
    assert "NOT real data" in lines[0] and lines[1] == ""
    assert lines[2].startswith("| model | figure | val | test | dataset |")
    assert lines[3].count("|") == lines[2].count("|") and set(lines[3]) <= set("|:- ")
    (row,) = [text for text in lines if text.startswith("| mnist-cnn |")]
    assert row.startswith("| mnist-cnn | top1 | 0.9100 | 0.8000 | mnist |")


def test_it_ends_with_what_to_type_next(project, capsys):
    compare.compare(Layout(project))
    printed = capsys.readouterr().out
    for command in ("make ui", "dvc exp run -S", "catalogue=official"):
        assert command in printed.split("Next:")[1]
