"""The stage graph as DVC has it, and what of it is stale."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sightline.errors import SightlineError
from sightline.pipeline import commands
from sightline.pipeline.copies import override
from sightline.pipeline.graph import plan


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose stages stand in the root and in a folder, one of them on a file of DVC's."""
    root = tmp_path_factory.mktemp("project")
    (root / "sub").mkdir()
    (root / "raw.txt").write_text("raw")
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "add", "-q", "raw.txt"]):
        dvc(root, *command)
    (root / "dvc.yaml").write_text(
        "stages:\n"
        "  make:\n    foreach: [a, b]\n    do:\n"
        "      cmd: cp raw.txt ${item}.txt\n      deps: [raw.txt]\n      outs: ['${item}.txt']\n"
        "  use:\n    cmd: cat a.txt b.txt > use.txt\n"
        "    deps: [a.txt, b.txt]\n    outs: [use.txt]\n"
    )
    (root / "sub/dvc.yaml").write_text(
        "stages:\n  more:\n    cmd: cp ../use.txt more.txt\n    deps: [../use.txt]\n"
        "    outs: [more.txt]\n"
    )
    dvc(root, "dvc", "repro", "-q", "--all-pipelines")
    return root


def dvc(root: Path, *command: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, cwd=root, env=os.environ | {"PATH": path}, check=True)


def test_the_graph_is_that_of_dvc_wherever_one_stands(project, monkeypatch):
    for here in (project, project / "sub", Path("/")):
        monkeypatch.chdir(here)
        stages = plan(project, ["more"]).stages
        assert {name: stage.upstream for name, stage in stages.items()} == {
            "make@a": (),
            "make@b": (),
            "use": ("make@a", "make@b"),
            "sub/dvc.yaml:more": ("use",),
        }
        assert [(s.kind, s.item) for s in stages.values()][-1] == ("more", "")


def test_stale_is_what_dvc_says_and_all_that_stands_on_it(project):
    assert plan(project).stale == set()
    assert plan(project, ["use"], force=True).stale == {"make@a", "make@b", "use"}
    (project / "b.txt").unlink()
    assert plan(project).stale == {"make@b", "use"}
    assert plan(project, ["more"]).stale == {"make@b", "use", "sub/dvc.yaml:more"}
    assert plan(project, ["make@a"]).stale == set()
    dvc(project, *commands.repro("make@b"))
    assert plan(project).stale == set()


def test_targets_are_stages_or_kinds_with_all_they_depend_on(project):
    assert list(plan(project, ["make"]).stages) == ["make@a", "make@b"]
    assert list(plan(project, ["make@b"]).stages) == ["make@b"]
    with pytest.raises(SightlineError, match="no stage 'mak': did you mean 'make'"):
        plan(project, ["mak"])


def test_overrides_change_files_of_the_project_alone(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for folder in (root, tmp_path):
        (folder / "params.yaml").write_text("a: 1\n")
    for path in ("../params.yaml", f"{tmp_path}/params.yaml"):
        with pytest.raises(SightlineError, match=f"override {path}:a=2: .* is not in the project"):
            override(root, [f"{path}:a=2"])
    assert (tmp_path / "params.yaml").read_text() == "a: 1\n"
    override(root, ["a=2"])
    assert (root / "params.yaml").read_text() == "a: 2\n"


@pytest.mark.faults
def test_what_dvc_cannot_read_is_one_line(tmp_path):
    with pytest.raises(SightlineError, match="DVC cannot read the stages of"):
        plan(tmp_path)
