"""The lists of code on which the stages depend."""

import hashlib
import shutil
from pathlib import Path

import pytest

import sightline
from sightline.layout import Layout
from sightline.pipeline.code_lists import write_lists
from sightline.stage_code import EXEMPT, Code

PACKAGE = Path(sightline.__file__).parent


@pytest.fixture(scope="module")
def code() -> Code:
    return Code(PACKAGE)


def test_a_training_runs_its_own_network_and_task_and_no_other(code):
    files = code.of("train", "lstm", "next-row")
    assert {"training/loop.py", "networks/layers.py", "networks/lstm.py"} <= set(files)
    assert {f for f in files if f.startswith("networks/")} == {
        *("networks/__init__.py", "networks/layers.py", "networks/lstm.py")
    }
    folders = {f.split("/")[1] for f in files if f.startswith("tasks/") and f.count("/") == 2}
    assert folders == {"next_row"}


def test_a_dataset_needs_neither_network_nor_task(code):
    for stage in ("download", "preprocess"):
        assert not [f for f in code.of(stage) if f.startswith(("networks", "tasks", "training"))]
    assert "data/formats/idx.py" in code.of("preprocess")


def test_what_decides_no_byte_is_in_no_list(code):
    for stage in ("download", "train", "export", "log"):
        files = code.of(stage, "cnn", "classify")
        assert not [f for f in files if not {f, f.split("/")[0]}.isdisjoint(EXEMPT)]


def test_what_an_own_network_imports_is_in_its_list(tmp_path):
    own = tmp_path / "sightline"
    shutil.copytree(PACKAGE, own, ignore=shutil.ignore_patterns("__pycache__"))
    (own / "blocks").mkdir()
    (own / "blocks/gate.py").write_text("WIDTH = 3\n")
    (own / "networks/mine.py").write_text(
        "def late():\n    from sightline.blocks import gate\n    return gate\n"
    )
    code = Code(own)
    assert "blocks/gate.py" in code.of("train", "mine", "classify")
    assert "blocks/gate.py" not in code.of("train", "cnn", "classify")


def test_the_lists_are_those_of_sha256sum_and_old_ones_go(tmp_path):
    layout = Layout(tmp_path)
    shutil.copytree(
        PACKAGE, layout.package / "sightline", ignore=shutil.ignore_patterns("__pycache__")
    )
    write_lists(layout)
    text = (layout.code / "train-lstm-classify.txt").read_text()
    digest = hashlib.sha256((PACKAGE / "networks/lstm.py").read_bytes()).hexdigest()
    assert f"{digest}  networks/lstm.py\n" in text
    assert "start: random" in layout.random_values.read_text()
    (layout.code / "train-gone-classify.txt").write_text("")
    before = {path.name: path.read_bytes() for path in layout.code.iterdir()}
    write_lists(layout)
    after = {path.name: path.read_bytes() for path in layout.code.iterdir()}
    assert after == {k: v for k, v in before.items() if k != "train-gone-classify.txt"}
