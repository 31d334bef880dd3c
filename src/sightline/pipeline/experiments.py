"""The experiments that DVC keeps of this commit: what each changed and what it reached."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError
from sightline.layout import PARAMS, Layout
from sightline.pipeline.flat import flat

WORKSPACE = "workspace"  # DVC's own name for what lies in the folder


@dataclass(frozen=True)
class Outcome:
    """The workspace, its commit or one experiment: choices, and what the stages made of them.

    `params`: params.yaml, flat; `figures`: of each model, what metrics.json holds; `trained`: of
    each model, DVC's hash of its folder of weights.
    """

    name: str
    params: dict[str, Any]
    figures: dict[str, dict[str, dict[str, float]]]
    trained: dict[str, str]

    def figure(self, model: str, split: str, name: str) -> float | None:
        """Return one figure of a model; None where it was not evaluated on that split."""
        return self.figures.get(model, {}).get(split, {}).get(name)


def outcomes(layout: Layout) -> list[Outcome]:
    """Return the workspace, its commit, and the experiments of that commit, oldest first.

    Raises SightlineError where DVC cannot tell.
    """
    command = ["dvc", "exp", "show", "--json"]
    done = subprocess.run(command, cwd=layout.root, capture_output=True, text=True)
    if done.returncode:
        raise SightlineError(
            f"`{' '.join(command)}` ended with {done.returncode} "
            f"({' '.join(done.stderr.split())[-300:]}): mend that, and ask again"
        )
    return list(_read(json.loads(done.stdout), layout))


def _read(shown: list[dict[str, Any]], layout: Layout) -> Iterator[Outcome]:
    for state in shown:
        own = state["rev"] if state["rev"] == WORKSPACE else state["rev"][:7]
        yield _outcome(state, state.get("name") or own, layout)
        revisions = [
            (revision, experiment["name"] or revision["rev"][:7])
            for experiment in state.get("experiments") or []
            for revision in experiment["revs"]
        ]
        for revision, experiment in sorted(revisions, key=_created):
            yield _outcome(revision, experiment, layout)


def _created(experiment: tuple[dict[str, Any], str]) -> str:
    return (experiment[0].get("data") or {}).get("timestamp") or ""  # none as long as it runs


def _outcome(state: dict[str, Any], name: str, layout: Layout) -> Outcome:
    data = state.get("data") or {}  # there is none of an experiment that runs or failed
    params = data.get("params", {}).get(PARAMS, {}).get("data", {})
    files = {
        Path(path).parent.name: entry.get("data") or {}
        for path, entry in data.get("metrics", {}).items()
    }
    folder = layout.trained("x").path.parent.name
    trained = {
        Path(path).name: out["hash"]
        for path, out in data.get("outs", {}).items()
        if Path(path).parent.name == folder and out.get("hash")
    }
    return Outcome(name, flat(params), files, trained)


def weights_digests(folder_hashes: Iterable[str], layout: Layout) -> dict[str, str]:
    """Return the SHA-256 of the weights in each folder of weights that DVC's cache holds.

    `folder_hashes`: DVC's hashes of folders like trained/NAME.
    """
    from dvc.repo import Repo

    digests = {}
    with Repo(str(layout.root)) as repo:
        place = repo.cache.local.oid_to_path
        for folder_hash in folder_hashes:
            listing = Path(place(folder_hash))
            files = json.loads(listing.read_text()) if listing.exists() else []
            for file in files:
                path = Path(place(file["md5"]))
                if file["relpath"] == layout.trained("x").weights.name and path.exists():
                    digests[folder_hash] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests
