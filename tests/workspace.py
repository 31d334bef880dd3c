"""A workspace for tests: the project as it stands, on a shrunken sample, in a clone of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from sightline.layout import Layout
from sightline.models import timing

ROOT = Path(__file__).parent.parent
READS = Path(".sightline") / "reads"  # a file a stage: which files it opened in the first run
MODELS = ["mnist-cnn", "mnist-lstm", "imagenet-lstm"]
DATASETS = {"mnist": (600, 120), "imagenet": (60, 30)}


class Workspace:
    """A clone in which real dvc commands run."""

    def __init__(self, root: Path):
        self.root = root
        # the environment's commands, which find the clone's code by themselves
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "OMP_NUM_THREADS": "1",
        }
        for name in ("MLFLOW_TRACKING_URI", "PYTHONPATH"):
            self.environment.pop(name, None)

    def run(self, *command: str, check: bool = True) -> str:
        """Return what a command printed, both streams."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, text=True, timeout=1200,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            f"{command} ended with {done.returncode}:\n{done.stdout}"
        )
        return done.stdout

    def repro(self, *targets: str, check: bool = True) -> list[str]:
        """Run `dvc repro`; return the stages that were executed."""
        printed = self.run("dvc", "repro", *targets, check=check)
        return [
            line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")
        ]

    def outdated(self) -> set[str]:
        """Return the stages whose own dependencies or outputs changed."""
        return set(json.loads(self.run("dvc", "status", "--json")))

    def edit(self, path: str, change) -> None:
        """Change a YAML file through a function that is given its content."""
        content = yaml.safe_load((self.root / path).read_text())
        change(content)
        (self.root / path).write_text(yaml.safe_dump(content, sort_keys=False))

    def locked(self) -> dict[str, dict[str, str]]:
        """Return the hash of every output in dvc.lock, by stage."""
        lock = yaml.safe_load((self.root / "dvc.lock").read_text())
        return {
            stage: {out["path"]: out["md5"] for out in entry["outs"]}
            for stage, entry in lock["stages"].items()
        }

    def steps_executed(self, model: str) -> int:
        """Return how many training steps the last training of a model executed."""
        took = timing.read(Layout(self.root), model)
        assert took is not None
        return took["steps_executed"]


def copy_project(target: Path) -> Workspace:
    """Copy the files that git tracks or would track, shrink the choices, commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    workspace = Workspace(target)
    workspace.edit("params.yaml", shrink)
    workspace.edit("data/catalogues/sample.yaml", shrink_sample)
    workspace.edit("dvc.yaml", shrink_plots)
    for command in (
        ["git", "init", "--quiet", "--initial-branch", "main"],
        ["git", "config", "user.name", "A Test"],
        ["git", "config", "user.email", "test@example.invalid"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "the project, shrunken"],
    ):
        workspace.run(*command)
    return workspace


def shrink(params: dict) -> None:
    """Two datasets, three models, two short epochs, one thread."""
    params["datasets"] = {name: params["datasets"][name] for name in DATASETS}
    params["datasets"]["imagenet"]["image_size"] = 16
    params["models"] = {name: params["models"][name] for name in MODELS}
    params["compute"]["threads"] = 1
    for recipe in params["recipes"].values():
        recipe |= {"epochs": 2, "batch_size": 32}
        if "hidden_size" in recipe["network"]:
            recipe["network"]["hidden_size"] = 16


def shrink_sample(catalogue: dict) -> None:
    """Fewer images; their digests are those of other images."""
    for name, (train, test) in DATASETS.items():
        catalogue[name]["draw"] = {"train": train, "test": test, "seed": 0}


def shrink_plots(pipeline: dict) -> None:
    """No plots and artifacts of models that are gone."""
    pipeline["artifacts"] = {name: pipeline["artifacts"][name] for name in MODELS}
    kept = {}
    for title, plot in (pair for item in pipeline["plots"] for pair in item.items()):
        if plot["template"] == "confusion":  # `title` is its file
            if title.split("/")[1] in MODELS:
                kept[title] = plot
        elif curves := {p: y for p, y in plot["y"].items() if p.split("/")[1] in MODELS}:
            kept[title] = plot | {"y": curves}
    pipeline["plots"] = [{title: plot} for title, plot in kept.items()]
