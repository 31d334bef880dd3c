"""Copies of a workspace that share its cache: a worktree for one run, a clone for a schedule."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from sightline.errors import SightlineError, TryAgain
from sightline.host import locks
from sightline.layout import CLONES, WORKTREES, Layout, main_root
from sightline.pipeline.copies import copy_settings


def git(root: Path, *arguments: str) -> str:
    """Run git in `root` and return what it prints; SightlineError with the line that says why."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        # below the cause git may add how the command is to be used
        why = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])
        raise SightlineError(f"git {' '.join(arguments)} in {root}: {why}")
    return done.stdout.rstrip("\n")


def head(root: Path, *sent_along: str) -> str:
    """Return the commit that stands for all that a run depends on, but the files `sent_along`.

    Raises SightlineError where another file differs: whoever gets the commit would not get it.
    """
    apart = [f":(exclude){name}" for name in sent_along]
    changed = git(root, "status", "--porcelain", "--", ".", *apart).splitlines()
    if changed:
        files = ", ".join(line[3:] for line in changed[:5]) + ", .." * (len(changed) > 5)
        raise SightlineError(
            f"{root} has changes that are not committed ({files}): commit them first, because "
            "overrides and workers elsewhere start from a commit"
        )
    return git(root, "rev-parse", "HEAD")


def check_identity(root: Path) -> None:
    """Raise SightlineError where git cannot say whose a commit, such as an experiment, would be."""
    try:
        git(root, "var", "GIT_COMMITTER_IDENT")
    except SightlineError as error:
        raise SightlineError(
            f"{error}: a run with overrides is kept as a commit: set git's user.name and "
            "user.email, then run it again"
        ) from None


@contextlib.contextmanager
def worktree(root: Path, commit: str, name: str) -> Iterator[Path]:
    """Check out `commit` beside the workspace for one run, sharing its cache; gone afterwards.

    `name` is that of a new folder, not a path. The copies of runs that were killed go too: their
    lock has no owner any more.
    """
    main = main_root(root)
    copies = main / WORKTREES
    copies.mkdir(parents=True, exist_ok=True)
    _sweep(main, copies)
    if not _has(main, commit):
        _fetch(main, commit)
    copy = copies / name
    copy.mkdir()  # fails where there is something: only what was made here is deleted in the end
    with FileLock(copies / f"{name}.lock"):
        try:
            # --force: what git still knows of a folder of this name is of a run that was killed
            with _git_alone(main):
                git(main, "worktree", "add", "--force", "--detach", str(copy), commit)
            copy_settings(main, copy)
            yield copy
        finally:
            _remove(main, copy)
            (copies / f"{name}.lock").unlink(missing_ok=True)


def _sweep(main: Path, copies: Path) -> None:
    for lock in copies.glob("*.lock"):
        with contextlib.suppress(Timeout), FileLock(lock, timeout=0):
            _remove(main, lock.with_suffix(""))
            lock.unlink(missing_ok=True)


def _remove(main: Path, copy: Path) -> None:
    """Delete a worktree of ours; `git worktree prune` would forget those on an unmounted disk."""
    # git knows nothing of a folder that is no worktree yet, or no more
    with _git_alone(main), contextlib.suppress(SightlineError):
        git(main, "worktree", "remove", "--force", str(copy))
    shutil.rmtree(copy, ignore_errors=True)


def _git_alone(main: Path) -> AbstractContextManager[None]:
    """Let one at a time tell git of worktrees: with the last it removes the folder of its notes."""
    return locks.waited_for(Layout(main).own_state.locks / "worktrees.lock", lambda: None)


def _has(root: Path, commit: str) -> bool:
    try:
        git(root, "cat-file", "-e", f"{commit}^{{commit}}")
    except SightlineError:
        return False
    return True


def _fetch(root: Path, commit: str) -> None:
    """Get `commit` from the clone's remote; TryAgain where that cannot be asked."""
    remote = _remote(root) or "origin"
    try:
        git(root, "fetch", "--quiet", remote)
    except SightlineError as error:
        raise TryAgain(f"{error}: the worker's clone cannot reach its {remote}") from None
    if not _has(root, commit):
        raise SightlineError(
            f"commit {commit[:12]} is not in the {remote} of {root}: push it, so that workers "
            "elsewhere can check it out"
        )


def _remote(root: Path) -> str | None:
    """Return the remote that a repository follows; None where it has none.

    Raises SightlineError where it has several, and nothing says which.
    """
    remotes = git(root, "remote").split()
    if "origin" in remotes or len(remotes) < 2:
        return "origin" if "origin" in remotes else next(iter(remotes), None)
    with contextlib.suppress(SightlineError):
        return git(root, "rev-parse", "--abbrev-ref", "HEAD@{upstream}").partition("/")[0]
    raise SightlineError(
        f"{root} has the remotes {', '.join(remotes)}, and its branch follows none: name one with "
        "git branch --set-upstream-to=REMOTE/BRANCH"
    )


def _complete(repository: Path) -> bool:
    """Whether a repository has all objects that its branches need."""
    try:
        git(repository, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    except SightlineError:
        return False
    return True


def refresh_clone(root: Path, clone: Path) -> None:
    """Make `clone` equal to the newest commit upstream: of `root`'s remote, or of `root` itself.

    Nobody works in this clone: what a former run left changed in it (dvc.lock) is thrown away, and
    comes back from the run cache; one that was half removed is made anew. So it lies below
    .sightline/clones of `root`; SightlineError for any other folder.
    """
    root, clone = root.resolve(), clone.resolve()
    clones = (root / CLONES).resolve()
    if clones not in clone.parents:
        raise SightlineError(
            f"{clone} is not below {clones}: a clone is made equal to upstream, and all changes in "
            f"it are lost: name one such as {CLONES}/nightly"
        )
    if not (root / ".git").exists():
        raise SightlineError(
            f"{root} has no git repository of its own, of which a clone could be made: git init, "
            "git add --all, git commit, then the same command"
        )
    remote = _remote(root)
    source = git(root, "remote", "get-url", remote) if remote else str(root)
    if (root / source).exists():  # a path may be relative to `root`
        source = str((root / source).resolve())
    if (clone / ".git").exists() and not _complete(clone):
        shutil.rmtree(clone)  # it would be asked for what it lacks, and a fetch does not bring that
    if not (clone / ".git").exists():
        clone.parent.mkdir(parents=True, exist_ok=True)
        git(root, "-c", "clone.defaultRemoteName=origin", "clone", "--quiet", source, str(clone))
    if "origin" not in git(clone, "remote").split():
        git(clone, "remote", "add", "origin", source)
    try:
        # whatever upstream's default branch is called today; a clone that was killed has no branch
        git(clone, "fetch", "--quiet", "origin", "HEAD")
    except SightlineError as error:
        raise TryAgain(f"{error}: nothing was run: check the network or the origin") from None
    git(clone, "reset", "--quiet", "--hard", "FETCH_HEAD")
    copy_settings(root, clone)
