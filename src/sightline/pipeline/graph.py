"""The DVC stage graph as plain data: what there is, what is out of date."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import SightlineError, TryAgain, one_line
from sightline.layout import PIPELINE

if TYPE_CHECKING:
    from dvc.repo import Repo
    from networkx import DiGraph


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
            names = stage_names(repo)
            stages = closure(stages_of(repo.index.graph, names), targets)
            stale = stages if force else stale_of(repo, stages)
    except LockError as error:
        raise TryAgain(f"another dvc works in {root}: {one_line(error)}") from None
    except DvcException as error:
        raise SightlineError(f"DVC cannot read the stages of {root}: {one_line(error)}") from None
    return Plan(stages, frozenset(stale))


def stale_of(repo: "Repo", stages: Mapping[str, Stage]) -> set[str]:
    """Return which of `stages`, dependencies first, DVC finds changed, and all that needs those."""
    names = stage_names(repo)
    changed = {names[address] for address in repo.status()}
    stale: set[str] = set()
    for stage in stages.values():
        if stage.name in changed or not stale.isdisjoint(stage.upstream):
            stale.add(stage.name)
    return stale


def stage_names(repo: "Repo") -> dict[str, str]:
    """Return the names that `dvc repro` takes in the root, by what DVC calls each stage here."""
    names = {}
    for stage in repo.index.stages:
        file = Path(stage.path).relative_to(repo.root_dir).as_posix()
        here = getattr(stage, "name", None)
        names[stage.addressing] = here if file == PIPELINE else f"{file}:{here}" if here else file
    return names


def stages_of(graph: "DiGraph", names: dict[str, str]) -> dict[str, Stage]:
    """Return every stage of DVC's graph that has a command, dependencies first.

    In that graph an edge goes from a stage to what it depends on.
    """
    from networkx import dfs_postorder_nodes

    stages = {}
    for node in dfs_postorder_nodes(graph):
        if node.cmd:
            name = names[node.addressing]
            upstream = tuple(names[n.addressing] for n in graph.successors(node) if n.cmd)
            stages[name] = Stage(name, upstream, tuple(str(out) for out in node.outs))
    return stages


def closure(stages: dict[str, Stage], targets: Iterable[str]) -> dict[str, Stage]:
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
