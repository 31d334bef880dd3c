"""The DVC stage graph as plain data: what there is, what is out of date. Alone imports dvc."""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from sightline.errors import SightlineError, TryAgain

# Where copies of a workspace are made, seen from the workspace that they are copies of: by DVC for
# experiments (`dvc exp run --temp`, `--queue`), for a schedule, and for one run of a flow.
EXPERIMENTS, CLONES, WORKTREES = (
    Path(folder) for folder in (".dvc/tmp/exps", ".sightline/clones", ".sightline/worktrees")
)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # dvc.lock is long


def main_root(root: str | Path = ".") -> Path:
    """Return the workspace that keeps the state of `root`: itself, or what `root` is a copy of.

    That state (checkpoints, the MLflow store) lies in .sightline/ and survives the copy.
    Read from the path alone: `dvc cache dir` names a shared cache where one is set.
    """
    root = Path(root).resolve()
    for parent in root.parents:
        for copies in (EXPERIMENTS, CLONES, WORKTREES):
            if parent.parts[-len(copies.parts) :] == copies.parts:
                return parent.parents[len(copies.parts) - 1]
    return root


@dataclass(frozen=True)
class Stage:
    """One stage instance. `name` is DVC's (`train@mnist-lstm`), `upstream` what it waits for."""

    name: str
    upstream: tuple[str, ...]
    outs: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What is done: `train` of `train@mnist-lstm`."""
        return self.name.partition("@")[0].rpartition(":")[2]

    @property
    def item(self) -> str:
        """What it is done to: `mnist-lstm` of `train@mnist-lstm`; empty where there is one only."""
        return self.name.partition("@")[2]


@dataclass(frozen=True)
class Plan:
    """What was asked for with all it depends on, dependencies first, and what of it is stale."""

    stages: dict[str, Stage]
    stale: frozenset[str]


def command(name: str, force: bool = False, pull: bool = False) -> list[str]:
    """Return the command that runs one stage, if DVC finds it stale, and waits for DVC's lock.

    With `pull`, what another machine pushed is taken instead of computed.
    """
    options = ["--force"] * force + ["--pull", "--allow-missing"] * pull
    return ["dvc", "--wait-for-lock", "repro", "--single-item", *options, name]


def push(names: Iterable[str]) -> list[str]:
    """Return the command that sends what `names` made, and the record that they ran."""
    return ["dvc", "--wait-for-lock", "push", "--run-cache", *names]


def pull(names: Iterable[str]) -> list[str]:
    """Return the command that gets what `names` made, wherever that was."""
    return ["dvc", "--wait-for-lock", "pull", *names]


def save_experiment(name: str) -> list[str]:
    """Return the command that keeps a worktree's state as an experiment of the main repository."""
    # --force: the name is the run's own, which somebody may have had run again
    return ["dvc", "exp", "save", "--force", "--include-untracked", "dvc.lock", "--name", name]


def plan(root: Path, targets: Iterable[str] = (), force: bool = False) -> Plan:
    """Ask DVC what of `targets` (stage names or kinds; all of dvc.yaml if empty) is out of date.

    A stage is stale if DVC says so, or if one that it depends on is: whether that one's outputs
    really differ, DVC decides when its turn comes. With `force` all are. Raises SightlineError for
    an unknown target or a project that DVC cannot read, TryAgain while another dvc is at work.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            names = _names(repo)
            stages = _closure(_graph(repo, names), targets)
            changed = stages if force else {names[address] for address in repo.status()}
    except LockError as error:
        raise TryAgain(f"another dvc works in {root}: {_one_line(error)}") from None
    except DvcException as error:
        raise SightlineError(f"DVC cannot read the stages of {root}: {_one_line(error)}") from None
    stale: set[str] = set()
    for stage in stages.values():
        if stage.name in changed or not stale.isdisjoint(stage.upstream):
            stale.add(stage.name)
    return Plan(stages, frozenset(stale))


def _names(repo) -> dict[str, str]:
    """Each stage's name as `dvc repro` takes it in the root, by what DVC calls it from here."""
    names = {}
    for stage in repo.index.stages:
        file = Path(stage.path).relative_to(repo.root_dir).as_posix()
        here = getattr(stage, "name", None)
        names[stage.addressing] = here if file == "dvc.yaml" else f"{file}:{here}" if here else file
    return names


def _graph(repo, names: dict[str, str]) -> dict[str, Stage]:
    """Every stage that has a command, dependencies first."""
    from networkx import dfs_postorder_nodes

    graph = repo.index.graph  # an edge goes from a stage to what it depends on
    found = {}
    for node in dfs_postorder_nodes(graph):
        if node.cmd:
            name = names[node.addressing]
            upstream = tuple(names[n.addressing] for n in graph.successors(node) if n.cmd)
            found[name] = Stage(name, upstream, tuple(str(out) for out in node.outs))
    return found


def _closure(stages: dict[str, Stage], targets: Iterable[str]) -> dict[str, Stage]:
    """Return `targets` and all that they depend on, in the order of `stages`.

    Without targets those of the root's dvc.yaml, as `dvc repro` takes it.
    """
    kinds = {stage.kind for stage in stages.values()}
    wanted: set[str] = set()
    for target in targets:
        if target not in stages and target not in kinds:
            close = difflib.get_close_matches(target, [*stages, *kinds], n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'? " if close else ""
            raise SightlineError(
                f"no stage '{target}': {hint}`dvc stage list` shows all; a kind alone "
                f"({', '.join(sorted(kinds))}) means all of that kind"
            )
        wanted |= {target} if target in stages else {s for s in stages if stages[s].kind == target}
    wanted = wanted or {name for name in stages if ":" not in name}
    for name in reversed(stages):
        if name in wanted:
            wanted.update(stages[name].upstream)
    return {name: stage for name, stage in stages.items() if name in wanted}


def locked(root: Path) -> dict[str, dict]:
    """Return the stages of dvc.lock as they stand there: cmd, deps, params, outs; {} if none ran.

    Raises SightlineError where the file is damaged: a dvc that was killed may leave half of it.
    """
    path = root / "dvc.lock"
    try:
        return _entries(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise SightlineError(
            f"{path} is damaged ({_one_line(error)}): delete it and run again: what is in the run "
            "cache is restored, not computed"
        ) from None


def _entries(text: str) -> dict[str, dict]:
    """Return the stages in the text of a dvc.lock; ValueError for what DVC would not read.

    Half a file may be YAML all the same: it ends behind a name, say, or before the stages.
    """
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        lock = COMPILED_LOCKFILE_SCHEMA(yaml.load(text, _LOADER))
    except (yaml.YAMLError, Invalid) as error:
        raise ValueError(str(error)) from None
    if "stages" not in lock:
        raise ValueError("its stages are missing")
    return lock["stages"]


def heal(root: Path) -> list[str]:
    """Put aside what a killed dvc left half written; return a line for each file.

    Nothing is lost: a stage whose entry is gone is restored from the run cache, not computed.
    """
    said = []
    for path, read in ((root / "dvc.lock", _entries), (root / ".dvc/tmp/rwlock", json.loads)):
        try:
            read(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except ValueError as error:
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(root / ".sightline" / aside.name)
            said.append(
                f"{path} was damaged ({_one_line(error)}): a dvc was killed while it wrote; put "
                f"aside as .sightline/{aside.name}, its content comes back from the run cache"
            )
    return said


def locked_outs(root: Path) -> dict[str, str]:
    """Return the digest of every output in dvc.lock, by its path."""
    return {
        out["path"]: out["md5"]
        for entry in locked(root).values()
        for out in entry.get("outs", ())
        if "md5" in out
    }


def copy_settings(root: Path, copy: Path) -> None:
    """Let `copy`, a worktree or clone, use the cache of `root` and what is set for this machine.

    The latter (`dvc config --local`: remotes, credentials) is not in git, so it is carried over.
    """
    from dvc.config import Config

    source = Config(str(root / ".dvc"))
    cache = source.get("cache", {}).get("dir")
    with Config(str(copy / ".dvc")).edit("local") as settings:
        settings.update(source.read("local"))
        settings.setdefault("cache", {})["dir"] = str(cache or (root / ".dvc" / "cache").resolve())
        # DVC's index of this passing folder goes with the folder, instead of staying in /var/tmp
        settings.setdefault("core", {})["site_cache_dir"] = str(copy / ".dvc" / "tmp" / "site")


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
            why = _one_line(error.__cause__ or error)
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

    return "remote" in Config(str(root / ".dvc"))["core"]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
