"""What there is to log of one trained model, read from the files that DVC holds; no MLflow here."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.errors import SightlineError
from sightline.files import md5, md5_of_folder
from sightline.layout import PARAMS, Layout
from sightline.models.results import ModelResults
from sightline.pipeline import lockfile
from sightline.pipeline.flat import flat


@dataclass(frozen=True)
class LockedResults(ModelResults):
    """The results of one model as dvc.lock pins them.

    `stages` holds the entries of the model's train, evaluate, insight and export in dvc.lock.
    """

    stages: dict[str, dict[str, Any]]

    @property
    def locks(self) -> dict[str, str]:
        """The md5 of each stage's entry in dvc.lock: command, inputs, params and outputs."""
        return {stage: _md5(entry) for stage, entry in self.stages.items()}

    @property
    def outs(self) -> dict[str, str]:
        """The md5 of each file and folder that the stages left, by its path, as dvc counts it."""
        return {out["path"]: out["md5"] for e in self.stages.values() for out in e["outs"]}

    @property
    def fingerprint(self) -> str:
        """The md5 of the name and of what the run is made of: equal results are one run.

        These are the inputs of the log stage, so that DVC and MLflow agree on what is new: where
        changed code led to equal results, neither of them logs again.
        """
        return _md5([self.name, self.outs])

    @property
    def title(self) -> str:
        """CATALOGUE-DATASET-TASK: the experiment and the registered model that it belongs to.

        Figures are comparable within it and nowhere else: a sample is never beside real data.
        """
        return f"{self.catalogue}-{self.dataset}-{self.task}"

    @property
    def data_path(self) -> str:
        """Where the processed data lies, seen from the project's root."""
        return self._locked_path(self.layout.processed(self.dataset).path)

    @property
    def digest(self) -> str:
        """The head of the processed data's md5. Equal: the same splits of the same pictures."""
        path = self.data_path
        return next(d["md5"][:8] for d in self.stages["train"]["deps"] if d["path"] == path)

    @property
    def deciding_figure(self) -> tuple[str, float | None]:
        """The name of the figure on val that decides, and its value; None without a val split."""
        return f"val_{self.words.figure}", self.figure("val")

    def params(self) -> dict[str, object]:
        """Return what was chosen, flat: the same keys for every model, but for `network.*`."""
        model, data = self.description, self.data
        chosen = {
            "catalogue": data["catalogue"],
            "dataset": data["dataset"],
            "task": model["task"],
            "network": model["network"],
            "recipe": model["recipe"]["name"],
            "seed": model["seed"],
            "data.height": data["height"],
            "data.width": data["width"],
            "data.channels": data["channels"],
            "data.classes": len(data["classes"]),
            "data.val_size": data["val_size"],
        }
        chosen |= {f"data.{split}_images": count for split, count in data["counts"].items()}
        recipe = {key: value for key, value in model["recipe"].items() if key != "name"}
        settings = recipe.pop("network", {})
        chosen |= {key: value for key, value in flat(recipe).items() if value is not None}
        chosen |= flat(settings, "network.")
        used = flat(self.stages["train"]["params"][PARAMS])
        return chosen | {key: value for key, value in used.items() if key.startswith("compute.")}

    def results(self) -> dict[str, float]:
        """Return what came out, flat: val/top1, test/ece, parameters, onnx_bytes."""
        figures = {
            key: float(value)
            for key, value in flat(self.metrics, separator="/").items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        return figures | {"onnx_bytes": float(self.model_files.onnx.stat().st_size)}

    def curve(self) -> list[dict[str, float]]:
        """Return the rows of the training curve; a column that is empty in a row is not in it."""
        rows = [{key: float(v) for key, v in row.items() if v} for row in self.epochs]
        return [{key: v for key, v in row.items() if math.isfinite(v)} for row in rows]

    def artifacts(self) -> dict[str, list[Path]]:
        """Return the files to keep with the run, by the folder that they go to."""
        files = self.files
        folders = (files.pictures, files.tables, files.insight.pictures, files.insight.tables)
        kept = {
            folder.relative_to(files.path).as_posix(): sorted(folder.iterdir())
            for folder in folders
        }
        kept[files.tables.name].insert(0, self.trained_files.epochs)
        return kept | {"reports": [files.metrics, self.model_files.export]}

    def check(self) -> None:
        """Raise SightlineError where the files are not those that dvc.lock names."""
        for stage, entry in self.stages.items():
            for dep in entry["deps"]:
                if self.outs.get(dep["path"], dep["md5"]) != dep["md5"]:
                    self._stale(f"{stage}@{self.name} ran on another {dep['path']}")
        for path, digest in self.outs.items():
            file = self.layout.root / path
            if not file.exists():
                self._stale(f"{path} is missing")
            if dvc_md5(file) != digest:
                self._stale(f"{path} is not what dvc.lock names")

    def _stale(self, cause: str) -> None:
        raise SightlineError(
            f"{self.name} is not logged: {cause}: run `dvc repro log@{self.name}`, which mends it"
        )

    def _locked_path(self, path: Path) -> str:
        """Return a path as dvc.lock has it: seen from the project's root."""
        return path.relative_to(self.layout.root).as_posix()


def read(name: str, layout: Layout) -> LockedResults:
    """Return one model's results. Raises SightlineError where dvc.lock lacks one of its stages."""
    results = read_all(layout).get(name)
    if results is None:
        raise SightlineError(
            f"{layout.lock} does not hold all stages of {name} ({', '.join(layout.outs(name))}): "
            f"run `dvc repro log@{name}`"
        )
    return results


def read_all(layout: Layout) -> dict[str, LockedResults]:
    """Return the results of all models all of whose stages stand in dvc.lock, by name.

    Raises SightlineError where dvc.lock is damaged.
    """
    stages, models = lockfile.locked(layout.root), {}
    for name in (key.removeprefix("export@") for key in stages if key.startswith("export@")):
        outs = layout.outs(name)
        entries = {stage: stages.get(f"{stage}@{name}", {}) for stage in outs}
        if all(_names(entries[stage]) >= {path.name for path in outs[stage]} for stage in outs):
            models[name] = LockedResults(name, layout, entries)
    return models


def _names(entry: dict[str, Any]) -> set[str]:
    """Return the names of an entry's outputs; a dvc that was killed may have cut the last one."""
    return {Path(out["path"]).name for out in entry.get("outs", ()) if "md5" in out}


def dvc_md5(path: Path) -> str:
    """Return the md5 that dvc gives a file, or a folder: that of its files' names and md5s."""
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file()]
        return md5_of_folder({f.relative_to(path).as_posix(): dvc_md5(f) for f in files})
    return md5(path.read_bytes())


def _md5(value: object) -> str:
    return md5(json.dumps(value, sort_keys=True).encode())
