"""A file that was cut is one line that names it and the command that makes it again."""

import shutil
from pathlib import Path

import pytest
from support import write_workspace

from sightline.cli import main
from sightline.layout import Layout

NAME = "bars-mlp"
RECIPE = {
    "epochs": 2,
    "batch_size": 32,
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "network": {"widths": [8]},
}
LAYOUT = Layout()  # as the command line has it
TRAINED, RESULTS, DATA = LAYOUT.trained(NAME), LAYOUT.results(NAME), LAYOUT.processed("bars")
READERS = {  # who reads each file
    TRAINED.weights: ("evaluate", "insight", "export"),
    TRAINED.description: ("evaluate", "insight", "export", "compare", "report"),
    RESULTS.figures: ("export", "compare", "report"),
    TRAINED.epochs: ("report",),
    RESULTS.table("confusion"): ("insight", "report"),
    RESULTS.insight.table("occlusion"): ("report",),
    DATA.meta: ("evaluate", "insight"),
    DATA.images("test"): ("evaluate", "insight", "export"),
    DATA.labels("test"): ("evaluate", "insight", "export"),
    DATA.images("train"): ("evaluate",),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A workspace with one model that went through train, evaluate and insight."""
    root = tmp_path_factory.mktemp("finished")
    write_workspace(root, "bars", {"mlp": "short"}, {"short": RECIPE})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for stage in ("train", "evaluate", "insight"):
            assert main([stage, NAME]) == 0
    return root


@pytest.mark.faults
@pytest.mark.parametrize("path", READERS, ids=str)
def test_a_file_that_was_cut_is_one_line(finished, path, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    content = path.read_bytes()
    # the last byte of JSON is a line end, which nothing needs
    for length in (0, 1, len(content) // 2, len(content) - 2):
        path.write_bytes(content[:length])
        for command in READERS[path]:
            assert main([command] if command in ("compare", "report") else [command, NAME]) == 1
            error = capsys.readouterr().err
            assert error.startswith("sightline: ") and error.count("\n") == 1, (length, command)
            assert str(path) in error or f"{DATA.path}: " in error
            assert "run `dvc repro " in error


@pytest.mark.faults
def test_an_epoch_or_an_answer_that_is_gone_is_named(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    for path, command, message in (
        (RESULTS.table("confusion"), ["insight", NAME], "has 59 of 60 answers"),
        (TRAINED.epochs, ["report"], "it has 1 of 2 epochs"),
    ):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        assert main(command) == 1
        assert message in capsys.readouterr().err


@pytest.mark.faults
def test_weights_of_another_network_are_named(finished, tmp_path, monkeypatch, capsys):
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    for change in ('"widths": [\n', '"depths": [\n'), ("8\n", "9\n"), ('"mlp"', '"mpl"'):
        text = TRAINED.description.read_text()
        assert change[0] in text
        TRAINED.description.write_text(text.replace(*change))
        assert main(["evaluate", NAME]) == 1
        error = capsys.readouterr().err
        assert "does not fit the network" in error and f"dvc repro train@{NAME}" in error
        TRAINED.description.write_text(text)
