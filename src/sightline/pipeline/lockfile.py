"""dvc.lock: what each stage ran on and what it left, and what to do when it is damaged."""

import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from sightline.errors import SightlineError, one_line
from sightline.layout import Layout

_MERGE = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)  # what git writes around a conflict
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # dvc.lock is long


def locked(root: Path) -> dict[str, dict[str, Any]]:
    """Return the stages of dvc.lock as they stand there: cmd, deps, params, outs; {} if none ran.

    Raises SightlineError where the file is damaged, as a dvc that was killed may leave it, or is in
    the middle of a merge.
    """
    path = Layout(root).lock
    try:
        _check_merged(path)
        return _entries(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SightlineError(
            f"{path} is damaged ({one_line(error)}): delete it and run again: what is in the run "
            "cache is restored, not computed"
        ) from None


def _check_merged(path: Path) -> None:
    """Raise SightlineError where git left both sides of a conflict: which counts, a person says."""
    if path.exists() and _MERGE.search(path.read_text(encoding="utf-8", errors="replace")):
        raise SightlineError(
            f"{path} holds both sides of a merge: take one, git checkout --ours {path.name} or "
            f"--theirs, then git add {path.name} and run again: what it lacks comes from the run "
            "cache"
        )


def _entries(text: str) -> dict[str, dict[str, Any]]:
    """Return the stages in the text of a dvc.lock; ValueError for what DVC would not read.

    Half a file may be YAML all the same: it ends behind a name, say, or before the stages.
    """
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        lock = COMPILED_LOCKFILE_SCHEMA(yaml.load(text, _LOADER))
    except (yaml.YAMLError, Invalid) as error:
        raise ValueError(str(error)) from None
    if not isinstance(lock, dict) or "stages" not in lock:
        raise ValueError("its stages are missing")
    return lock["stages"]


def heal(root: Path) -> list[str]:
    """Set aside what a killed dvc left half written; return a line for each file.

    Nothing is lost: a stage whose entry is gone is restored from the run cache, not computed.
    Raises SightlineError where dvc.lock is in the middle of a merge, and leaves it alone.
    """
    notes = []
    project = Layout(root)
    _check_merged(project.lock)
    for path, read in ((project.lock, _entries), (project.dvc_rwlock, json.loads)):
        try:
            read(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except ValueError as error:
            aside = project.own_state.set_aside(path)
            path.replace(aside)
            notes.append(
                f"{path} was damaged ({one_line(error)}): a dvc was killed while it wrote; set "
                f"aside as {aside}, its content comes back from the run cache"
            )
    return notes


def copy_to(root: Path, copy: Path) -> None:
    """Copy dvc.lock, where there is one, into `copy` while no dvc writes it; waits for DVC's lock.

    Not for that of a run of ours, which may last for hours: it writes the file whole each time.
    Raises SightlineError where it is damaged, or in the middle of a merge.
    """
    from dvc.repo import Repo

    with contextlib.ExitStack() as stack:
        if not Layout(root).own_state.repro.exists():
            repo = stack.enter_context(Repo(str(root), _wait_for_lock=True))
            stack.enter_context(repo.lock)
        if locked(root):
            shutil.copy(Layout(root).lock, copy)


def locked_outs(root: Path) -> dict[str, str]:
    """Return the digest of every output in dvc.lock, by its path."""
    return {
        out["path"]: out["md5"]
        for entry in locked(root).values()
        for out in entry.get("outs", ())
        if "md5" in out
    }
