"""Where the state of a copy lies."""

from pathlib import Path

from sightline.layout import main_root


def test_main_root_is_the_workspace_itself(tmp_path):
    assert main_root(tmp_path) == tmp_path.resolve()


def test_main_root_of_copies_is_what_they_are_copies_of(tmp_path):
    main = tmp_path.resolve()
    for copy in (
        ".dvc/tmp/exps/standalone/tmp1",
        ".dvc/tmp/exps/tmp2",
        ".sightline/worktrees/run-3",
    ):
        assert main_root(main / copy) == main, copy


def test_main_root_of_a_copys_subfolder(tmp_path):
    main = tmp_path.resolve()
    assert main_root(main / ".dvc/tmp/exps/standalone/tmp1/deeper") == main
    assert main_root(Path(main / "tmp/exps/x")) == main / "tmp/exps/x"
