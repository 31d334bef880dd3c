"""Worktrees and clones of a toy project, by the real git."""

import subprocess
import threading

import pytest
import zc.lockfile

from sightline.errors import SightlineError
from sightline.pipeline import lockfile
from sightline.pipeline.worktrees import git, refresh_clone, worktree

CLONE = ".sightline/clones/nightly"


@pytest.mark.parametrize(
    "folder", [".", "elsewhere", ".sightline/clones", f"{CLONE}/../../../elsewhere"]
)
def test_no_folder_but_one_below_clones_is_made_equal_to_upstream(new_toy, folder):
    new_toy.shell("git", "clone", "--quiet", ".", "elsewhere")
    work = (new_toy.root / folder).resolve() / "params.yaml"
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_text("# not committed\n")
    with pytest.raises(SightlineError, match=f"{work.parent} is not below .*: name one such as"):
        refresh_clone(new_toy.root, new_toy.root / folder)
    assert work.read_text() == "# not committed\n"


def test_a_clone_follows_upstream_whatever_its_branch_is_called(new_toy):
    clone = new_toy.root / CLONE
    refresh_clone(new_toy.root, clone)
    (clone / "params.yaml").write_text("left by a former run\n")
    for branch in ("trunk", "trunk/next"):  # a ref that is in the way of the next
        new_toy.shell("git", "branch", "-m", branch)
        new_toy.commit()
        refresh_clone(new_toy.root, clone)
        assert git(clone, "rev-parse", "HEAD") == git(new_toy.root, "rev-parse", "HEAD")
        assert git(clone, "status", "--porcelain") == ""


def test_a_clone_that_was_killed_half_way_is_completed(new_toy):
    clone = new_toy.root / CLONE
    clone.parent.mkdir(parents=True)
    killed = subprocess.run(
        ["git", "clone", "--quiet", "--upload-pack", "kill -9 $PPID; :", new_toy.root.as_uri(),
         str(clone)],
        cwd=new_toy.root, check=False,
    )  # fmt: skip
    assert killed.returncode == -9
    assert (clone / ".git").exists()
    refresh_clone(new_toy.root, clone)
    assert git(clone, "rev-parse", "HEAD") == git(new_toy.root, "rev-parse", "HEAD")


@pytest.mark.faults
def test_a_clone_that_was_half_removed_is_made_anew(new_toy):
    clone = new_toy.root / CLONE
    refresh_clone(new_toy.root, clone)
    tree = git(clone, "rev-parse", "HEAD^{tree}").strip()
    (clone / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    refresh_clone(new_toy.root, clone)
    assert git(clone, "rev-parse", "HEAD") == git(new_toy.root, "rev-parse", "HEAD")
    assert git(clone, "status", "--porcelain") == ""


def test_git_is_quoted_with_the_cause_not_with_the_usage(new_toy):
    with pytest.raises(SightlineError, match="fatal: ambiguous argument 'no-such'"):
        git(new_toy.root, "reset", "--hard", "no-such")


def test_a_worktree_never_deletes_what_it_did_not_make(new_toy):
    commit = git(new_toy.root, "rev-parse", "HEAD")
    state = new_toy.root / ".sightline" / "mlflow.db"
    state.touch()
    with pytest.raises(FileExistsError), worktree(new_toy.root, commit, ".."):
        pass
    with worktree(new_toy.root, commit, "run-1") as copy:
        assert (copy / "params.yaml").exists()
    assert state.exists()
    assert list((new_toy.root / ".sightline" / "worktrees").iterdir()) == []


@pytest.mark.faults
def test_a_clone_needs_no_remote_called_origin(new_toy):
    new_toy.shell("git", "clone", "--quiet", "--bare", ".", "../upstream.git")
    new_toy.shell("git", "remote", "add", "elsewhere", "../upstream.git")
    new_toy.shell("git", "config", "clone.defaultRemoteName", "mine")
    clone = new_toy.root / CLONE
    upstream = git(new_toy.root, "rev-parse", "HEAD")
    new_toy.commit()  # not pushed
    refresh_clone(new_toy.root, clone)
    assert git(clone, "rev-parse", "HEAD") == upstream
    git(clone, "remote", "rename", "origin", "mine")  # as an older clone has it
    git(new_toy.root, "push", "--quiet", "elsewhere", "HEAD")
    refresh_clone(new_toy.root, clone)
    assert git(clone, "rev-parse", "HEAD") == git(new_toy.root, "rev-parse", "HEAD")
    new_toy.shell("git", "remote", "add", "another", "../upstream.git")
    with pytest.raises(SightlineError, match="remotes another, elsewhere, and its branch follows"):
        refresh_clone(new_toy.root, clone)


@pytest.mark.faults
def test_within_another_repository_there_is_nothing_to_clone(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(SightlineError, match="has no git repository of its own"):
        refresh_clone(inner, inner / CLONE)


@pytest.mark.faults
def test_a_worktree_on_a_disk_that_is_away_is_not_forgotten(new_toy, tmp_path):
    away = tmp_path / "disk" / "mine"
    git(new_toy.root, "worktree", "add", "--detach", str(away))
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    with worktree(new_toy.root, git(new_toy.root, "rev-parse", "HEAD"), "run-1"):
        pass
    known = git(new_toy.root, "worktree", "list")
    assert str(away) in known and "run-1" not in known


LOCK = "schema: '2.0'\nstages:\n  train@x:\n    cmd: train\n"


@pytest.mark.faults
def test_a_merge_of_dvc_lock_is_named_and_left_alone(tmp_path):
    merge = f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> theirs\n"
    lock = tmp_path / "dvc.lock"
    lock.write_text(merge)
    for read in (lockfile.heal, lockfile.locked):
        with pytest.raises(SightlineError, match="both sides of a merge: take one, git checkout"):
            read(tmp_path)
    assert lock.read_text() == merge
    assert [path.name for path in tmp_path.iterdir()] == ["dvc.lock"]


@pytest.mark.faults
def test_a_run_with_overrides_copies_no_dvc_lock_that_is_being_written(new_toy, tmp_path):
    lock = new_toy.root / "dvc.lock"
    lock.write_text(LOCK[:-8])
    (new_toy.root / ".dvc" / "tmp").mkdir(exist_ok=True)
    dvc = zc.lockfile.LockFile(str(new_toy.root / ".dvc" / "tmp" / "lock"))

    def finish():
        lock.write_text(LOCK)
        dvc.close()

    threading.Timer(1, finish).start()
    lockfile.copy_to(new_toy.root, tmp_path)
    assert (tmp_path / "dvc.lock").read_text() == LOCK
    lock.write_text(LOCK[:-8])
    with pytest.raises(SightlineError, match=r"dvc\.lock is damaged"):
        lockfile.copy_to(new_toy.root, tmp_path)
