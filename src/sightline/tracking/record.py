"""What there is to say of one trained model, read from the files that DVC holds; no MLflow here."""

import csv
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sightline import pipeline
from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tasks import FIGURES

# What the stages of a record leave, by file name (dvc.yaml has the paths).
OUTS = {
    "train": {"model.json", "weights.pt", "epochs.csv", "timing.json"},
    "evaluate": {"metrics.json", "pictures", "tables"},
    "insight": {"pictures", "tables"},
    "export": {"model.onnx", "README.md", "export.json"},
}

# Outputs of these stages that are no part of the record: the ONNX file holds the weights and the
# card's content, and timing.json differs between equal trainings.
LEFT_OUT = ("weights.pt", "README.md", "timing.json")


@dataclass(frozen=True)
class Record:
    """One trained model with all that is known of it, as dvc.lock and its files tell it.

    `stages` holds the entries of OUTS' stages in dvc.lock.
    """

    name: str
    stages: dict[str, dict]
    layout: Layout

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
        """The md5 of the name and of what the record is made of: equal results are one record.

        These are the inputs of the log stage, so that DVC and MLflow agree on what is new: where
        changed code led to equal results, neither of them logs again.
        """
        kept = {path: md5 for path, md5 in self.outs.items() if not path.endswith(LEFT_OUT)}
        return _md5([self.name, kept])

    @cached_property
    def model(self) -> dict:
        """model.json."""
        return _read_json(self.layout.model(self.name) / "model.json")

    @cached_property
    def metrics(self) -> dict:
        """metrics.json."""
        return _read_json(self.layout.report(self.name) / "metrics.json")

    @cached_property
    def timing(self) -> dict:
        """timing.json."""
        return _read_json(self.layout.report(self.name) / "timing.json")

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.model["data"]["dataset"]

    @property
    def title(self) -> str:
        """CATALOGUE-DATASET-TASK: the experiment and the registered model that it belongs to.

        Figures are comparable within it and nowhere else: a sample is never beside real data.
        """
        return f"{self.model['data']['catalogue']}-{self.dataset}-{self.model['task']}"

    @property
    def onnx(self) -> Path:
        """The exported model."""
        return self.layout.model(self.name) / "model.onnx"

    @property
    def digest(self) -> str:
        """The head of the processed data's md5. Equal: the same splits of the same pictures."""
        path = f"data/processed/{self.dataset}"
        return next(d["md5"][:8] for d in self.stages["train"]["deps"] if d["path"] == path)

    @property
    def figure(self) -> tuple[str, float | None]:
        """The name of the figure on val that decides, and its value; None without a val split."""
        key, _ = FIGURES[self.model["task"]]
        return f"val_{key}", self.metrics.get("val", {}).get(key)

    def params(self) -> dict[str, object]:
        """Return what was chosen, flat: the same keys for every model, but for `network.*`."""
        model, data = self.model, self.model["data"]
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
        chosen |= {key: value for key, value in _flat(recipe).items() if value is not None}
        chosen |= _flat(settings, "network.")
        used = _flat(self.stages["train"]["params"]["params.yaml"])
        return chosen | {key: value for key, value in used.items() if key.startswith("compute.")}

    def results(self) -> dict[str, float]:
        """Return what came out, flat: val_top1, test_ece, parameters, onnx_bytes."""
        figures = {
            key: float(value)
            for key, value in _flat(self.metrics, separator="_").items()
            if isinstance(value, int | float) and math.isfinite(value)
        }
        return figures | {"onnx_bytes": float(self.onnx.stat().st_size)}

    def epochs(self) -> list[dict[str, float]]:
        """Return the rows of epochs.csv; a column that is empty in a row is not in it."""
        path = self.layout.report(self.name) / "epochs.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
        return [{k: v for k, v in row.items() if math.isfinite(v)} for row in rows]

    def files(self) -> dict[str, list[Path]]:
        """Return the files to keep with the record, by the folder that they go to."""
        report = self.layout.report(self.name)
        return {
            "pictures": sorted((report / "pictures").iterdir()),
            "tables": [report / "epochs.csv", *sorted((report / "tables").iterdir())],
            "insight/pictures": sorted((report / "insight" / "pictures").iterdir()),
            "insight/tables": sorted((report / "insight" / "tables").iterdir()),
            "reports": [report / "metrics.json", report / "export.json"],
        }

    def check(self) -> None:
        """Raise SightlineError where the files are not those that dvc.lock names."""
        for stage, entry in self.stages.items():
            for dep in entry["deps"]:
                if self.outs.get(dep["path"], dep["md5"]) != dep["md5"]:
                    self._stale(f"{stage}@{self.name} ran on another {dep['path']}")
        for path, md5 in self.outs.items():
            file = self.layout.root / path
            if path.endswith("weights.pt"):  # large, and not read here
                continue
            if not file.exists():
                self._stale(f"{path} is missing")
            if dvc_md5(file) != md5:
                self._stale(f"{path} is not what dvc.lock names")

    def _stale(self, cause: str) -> None:
        raise SightlineError(
            f"{self.name} is not logged: {cause}: run `dvc repro log@{self.name}`, which mends it"
        )


def read(name: str, layout: Layout) -> Record:
    """Return one model's record. Raises SightlineError where dvc.lock lacks one of its stages."""
    record = read_all(layout).get(name)
    if record is None:
        raise SightlineError(
            f"{layout.lock} does not hold all stages of {name} ({', '.join(OUTS)}): "
            f"run `dvc repro log@{name}`"
        )
    return record


def read_all(layout: Layout) -> dict[str, Record]:
    """Return the records of all models all of whose stages stand in dvc.lock, by name.

    Raises SightlineError where dvc.lock is damaged.
    """
    stages, records = pipeline.locked(layout.root), {}
    for name in (key.removeprefix("export@") for key in stages if key.startswith("export@")):
        entries = {stage: stages.get(f"{stage}@{name}", {}) for stage in OUTS}
        if all(_outs(entry) >= OUTS[stage] for stage, entry in entries.items()):
            records[name] = Record(name, entries, layout)
    return records


def _outs(entry: dict) -> set[str]:
    """Return the names of an entry's outputs; a dvc that was killed may have cut the last one."""
    return {Path(out["path"]).name for out in entry.get("outs", ()) if "md5" in out}


def dvc_md5(path: Path) -> str:
    """Return the md5 that dvc gives a file, or a folder: that of its files' names and md5s."""
    if path.is_dir():
        names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        return _md5([{"md5": dvc_md5(path / name), "relpath": name} for name in names]) + ".dir"
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _md5(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _flat(tree: dict, prefix: str = "", separator: str = ".") -> dict:
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}{separator}", separator)
        else:
            flat[f"{prefix}{key}"] = value
    return flat
