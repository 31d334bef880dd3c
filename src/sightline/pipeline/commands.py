"""The commands that run DVC as a program."""

from collections.abc import Iterable

from sightline.layout import LOCK


def repro(name: str, force: bool = False, pull: bool = False) -> list[str]:
    """Return the command that runs one stage, if DVC finds it stale, and waits for DVC's lock.

    With `pull`, what another machine pushed is taken instead of computed.
    """
    options = ["--force"] * force + ["--pull", "--allow-missing"] * pull
    return ["dvc", "--wait-for-lock", "repro", "--single-item", *options, name]


def push(names: Iterable[str]) -> list[str]:
    """Return the command that sends what `names` made, and the run cache that tells of it."""
    return ["dvc", "--wait-for-lock", "push", "--run-cache", *names]


def pull(names: Iterable[str]) -> list[str]:
    """Return the command that gets what `names` made, wherever that was."""
    return ["dvc", "--wait-for-lock", "pull", "--force", *names]


def checkout(names: Iterable[str]) -> list[str]:
    """Return the command that takes from the cache what dvc.lock says that `names` made."""
    return ["dvc", "--wait-for-lock", "checkout", "--force", *names]


def save_experiment(name: str, stages: Iterable[str] = ()) -> list[str]:
    """Return the command that keeps a worktree's state as an experiment of the main repository.

    `stages`: those that have run, where others never have; DVC refuses to keep outputs that are
    not there.
    """
    # --force: the name is the run's own, which somebody may have had run again
    options = ["--force", "--include-untracked", LOCK, "--name", name]
    return ["dvc", "exp", "save", *options, *stages]
