"""What a copy of a workspace needs of DVC: the cache, the machine's settings, other params."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from sightline.errors import SightlineError, one_line
from sightline.layout import Layout


def copy_settings(root: Path, copy: Path) -> None:
    """Let `copy`, a worktree or clone, use the cache of `root` and what is set for this machine.

    The latter (`dvc config --local`: remotes, credentials) is not in git, so it is carried over.
    """
    from dvc.config import Config

    project, its_copy = Layout(root), Layout(copy)
    source = Config(str(project.dvc))
    cache = source.get("cache", {}).get("dir")
    with Config(str(its_copy.dvc)).edit("local") as local:
        settings = cast("dict[str, Any]", local)  # dvc declares no type
        settings.update(cast("dict[str, Any]", source.read("local")))
        settings.setdefault("cache", {})["dir"] = str(cache or project.dvc_cache.resolve())
        # DVC's index of this passing folder goes with the folder, instead of staying in /var/tmp
        settings.setdefault("core", {})["site_cache_dir"] = str(its_copy.dvc_index)


def override(root: Path, overrides: Iterable[str]) -> None:
    """Change params as `dvc exp run -S` does: `models.x.recipe=quick`, `file.yaml:key=value`.

    Raises SightlineError for an override that cannot be read, names a key that is not there, or a
    file outside `root`.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.cli_parse import to_path_overrides
    from dvc.utils.hydra import apply_overrides

    for path, changes in to_path_overrides(overrides).items():
        if not (root / path).resolve().is_relative_to(root.resolve()):
            raise SightlineError(
                f"override {path}:{', '.join(changes)}: {path} is not in the project: name a file "
                "of its own, seen from its root"
            )
        try:
            apply_overrides(root / path, changes)
        except (DvcException, FileNotFoundError) as error:
            why = one_line(error.__cause__ or error)
            raise SightlineError(
                f"override {', '.join(changes)}: {why}: write it as `dvc exp run -S` takes it, "
                "models.mnist-lstm.recipe=rows-8"
            ) from None


def checkout(root: Path) -> None:
    """Link into `root` what its dvc.lock names, as far as the cache has it."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        repo.checkout(allow_missing=True, force=True)


def has_remote(root: Path) -> bool:
    """Whether a default DVC remote is set: without one, results reach only who shares the cache."""
    from dvc.config import Config

    return "remote" in Config(str(Layout(root).dvc))["core"]
