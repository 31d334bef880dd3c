"""Where the files of a project lie, and what they are called. No other module knows a path.

A project is a workspace (the folder that holds dvc.yaml), or a copy of one: an experiment of DVC, a
clone for a schedule, a worktree for one run. Its stages leave their results in it; what must
outlive a copy (`State`) lies in the workspace that it is a copy of.
"""

from pathlib import Path

from sightline.layout.folders import (
    SOURCE,
    BenchmarkFiles,
    Drawn,
    Folder,
    ModelFiles,
    Processed,
    PublishedFiles,
    Raw,
    ResultFiles,
    TrainedFiles,
    file_with_lengths,
)

__all__ = [
    "CLONES",
    "EXPERIMENTS",
    "LOCK",
    "PARAMS",
    "PIPELINE",
    "SOURCE",
    "SPLITS",
    "WORKTREES",
    "BenchmarkFiles",
    "Drawn",
    "Folder",
    "Layout",
    "ModelFiles",
    "Processed",
    "PublishedFiles",
    "Raw",
    "ResultFiles",
    "State",
    "TrainedFiles",
    "file_with_lengths",
    "main_root",
]

SPLITS = ("train", "val", "test")
PARAMS, LOCK, PIPELINE = "params.yaml", "dvc.lock", "dvc.yaml"  # seen from the root of a project

# where copies of a workspace are made in it: by DVC for experiments, for a schedule, for a flow
EXPERIMENTS, CLONES, WORKTREES = (
    Path(folder) for folder in (".dvc/tmp/exps", ".sightline/clones", ".sightline/worktrees")
)


def main_root(root: str | Path = ".") -> Path:
    """Return the workspace that keeps the state of `root`: itself, or what `root` is a copy of.

    Read from the path alone: `dvc cache dir` names a shared cache where one is set.
    """
    root = Path(root).resolve()
    for parent in root.parents:
        for copies in (EXPERIMENTS, CLONES, WORKTREES):
            if parent.parts[-len(copies.parts) :] == copies.parts:
                return parent.parents[len(copies.parts) - 1]
    return root


class Layout:
    """The files of one project, from its root (the folder that holds dvc.yaml)."""

    def __init__(self, root: str | Path = ".") -> None:
        self.root = Path(root)

    @property
    def params(self) -> Path:
        """params.yaml."""
        return self.root / PARAMS

    @property
    def lock(self) -> Path:
        """dvc.lock: what each stage ran on and what it left."""
        return self.root / LOCK

    @property
    def dvc_rwlock(self) -> Path:
        """Which paths DVC's processes read and write at the moment."""
        return self.dvc / "tmp" / "rwlock"

    @property
    def dvc(self) -> Path:
        """DVC's own folder: its settings, and its cache where no other is set."""
        return self.root / ".dvc"

    @property
    def dvc_cache(self) -> Path:
        """DVC's cache where no other is set."""
        return self.dvc / "cache"

    @property
    def dvc_index(self) -> Path:
        """Where DVC's index of a copy goes with the copy."""
        return self.dvc / "tmp" / "site"

    @property
    def own_state(self) -> "State":
        """What belongs to this folder, whether it is a copy or not."""
        return State(self.root / ".sightline")

    @property
    def state(self) -> "State":
        """What outlives this project if it is a copy."""
        return State(main_root(self.root) / ".sightline")

    @property
    def package(self) -> Path:
        """The folder of the code of a clone's own stages, for PYTHONPATH."""
        return self.root / "src"

    @property
    def has_package(self) -> bool:
        """Whether the project holds the code of its stages."""
        return (self.package / __name__.partition(".")[0]).is_dir()

    def catalogue(self, name: str) -> Path:
        """The YAML file of one catalogue."""
        return self.root / "data" / "catalogues" / f"{name}.yaml"

    def catalogues(self) -> list[str]:
        """The names of all catalogues."""
        return sorted(path.stem for path in self.catalogue("x").parent.glob("*.yaml"))

    @property
    def sources(self) -> Path:
        """Where each dataset comes from, as the stage `sources` lists it."""
        return self.root / "data" / "sources"

    @property
    def weights_catalogue(self) -> Path:
        """The YAML file of the weights that a training may begin with."""
        return self.root / "data" / "weights.yaml"

    def weights(self, name: str) -> Raw:
        """What `weights` fetched, where dvc.yaml looks for what a training begins with."""
        return Raw(self.trained(name).path)

    def raw(self, dataset: str) -> Raw:
        """What `download` fetched."""
        return Raw(self.root / "data" / "raw" / dataset)

    def processed(self, dataset: str) -> Processed:
        """What `preprocess` made."""
        return Processed(self.root / "data" / "processed" / dataset)

    @property
    def code(self) -> Path:
        """The folder of lists of code: for each stage, the files that its command runs."""
        return self.root / "data" / "code"

    def trained(self, name: str) -> TrainedFiles:
        """What `train` made of one model."""
        return TrainedFiles(self.root / "trained" / name)

    @property
    def random_values(self) -> Path:
        """What stands for the weights with which a model begins whose start is `random`."""
        return self.trained("random").path / "README.md"

    def model(self, name: str) -> ModelFiles:
        """What `export` made of one model: all that other programs need of it."""
        return ModelFiles(self.root / "models" / name)

    def results(self, name: str) -> ResultFiles:
        """What is known of one model: figures, tables, pictures."""
        return ResultFiles(self.root / "reports" / name)

    def outs(self, name: str) -> dict[str, list[Path]]:
        """What the stages leave of one model, by the kind of stage."""
        results = self.results(name)
        return {
            "train": [self.trained(name).path],
            "evaluate": [results.metrics, results.pictures, results.tables],
            "insight": [results.insight.pictures, results.insight.tables],
            "export": [self.model(name).path],
        }

    def logged(self, name: str) -> Path:
        """Which run of MLflow holds one model."""
        return self.root / "logged" / f"{name}.json"

    def page(self, catalogue: str, dataset: str) -> Path:
        """The HTML page of one dataset from one catalogue, across its models."""
        return self.root / "reports" / f"{catalogue}-{dataset}.html"

    def pages(self) -> list[Path]:
        """Return every HTML file where the pages lie."""
        return sorted((self.root / "reports").glob("*.html"))

    @property
    def benchmarks(self) -> BenchmarkFiles:
        """What this machine measured; outside the stage graph."""
        return BenchmarkFiles(self.root / "benchmarks")


class State(Folder):
    """What belongs to this machine and to no commit: .sightline/ of the main workspace."""

    @property
    def checkpoints(self) -> Path:
        """Trainings that were cut off."""
        return self.path / "checkpoints"

    @property
    def downloads(self) -> Path:
        """Files that were fetched in part."""
        return self.path / "downloads"

    @property
    def locks(self) -> Path:
        """Locks of this workspace."""
        return self.path / "locks"

    @property
    def mlflow(self) -> Path:
        """The MLflow store of this workspace: database, artifacts and lock."""
        return self.path / "mlflow"

    @property
    def repro(self) -> Path:
        """The stages that dvc.lock held before a run of `sightline repro` that has not ended."""
        return self.path / "repro.json"

    @property
    def stage_seconds(self) -> Path:
        """How long each stage took the last time it ran, in seconds."""
        return self.path / "stage-seconds.json"

    @property
    def passed(self) -> Path:
        """The digest of the settings that passed `sightline validate` last."""
        return self.path / "validated"

    def timing(self, digest: str) -> Path:
        """What the training took that ended in weights of this digest, and on what."""
        return self.path / "timing" / f"{digest}.json"

    def traceback(self, command: str) -> Path:
        """Where the last error of one command that nobody foresaw came from."""
        return self.path / "errors" / f"{command}.txt"

    def stage_log(self, stage: str) -> Path:
        """What one stage printed the last time it ran."""
        return self.path / "stages" / f"{stage}.log"

    def sheet(self, dataset: str) -> Path:
        """Some images of each class of a dataset that was to be added."""
        return self.path / "sheets" / f"{dataset}.png"

    @property
    def prefect(self) -> Path:
        """Prefect's home for the servers and workers of this workspace."""
        return self.path / "prefect"

    @property
    def services(self) -> Path:
        """The logs of what `make up` started."""
        return self.path / "services"

    def set_aside(self, path: Path) -> Path:
        """Where a damaged file is kept, under a name that no earlier one has."""
        number, target = 1, self.path / f"{path.name}.damaged"
        while target.exists():
            number += 1
            target = self.path / f"{path.name}.damaged-{number}"
        return target
