"""Where the files of a project lie. No other module composes these paths."""

from pathlib import Path


class Layout:
    """The folders of one project, from its root (the folder that holds dvc.yaml)."""

    def __init__(self, root: str | Path = "."):
        self.root = Path(root)

    @property
    def params(self) -> Path:
        """params.yaml."""
        return self.root / "params.yaml"

    @property
    def lock(self) -> Path:
        """dvc.lock: what each stage ran on and what it left."""
        return self.root / "dvc.lock"

    @property
    def store(self) -> Path:
        """The MLflow store of this workspace: database, artifacts and lock."""
        return self.root / ".sightline" / "mlflow"

    def catalogue(self, name: str) -> Path:
        """The YAML file of one catalogue."""
        return self.root / "data" / "catalogues" / f"{name}.yaml"

    def raw(self, dataset: str) -> Path:
        """What `download` fetched: archives in their official form, and source.json."""
        return self.root / "data" / "raw" / dataset

    def processed(self, dataset: str) -> Path:
        """What `preprocess` made: arrays and meta.json (see sightline.data.arrays)."""
        return self.root / "data" / "processed" / dataset

    def model(self, name: str) -> Path:
        """weights.pt, model.json, model.onnx and the model card of one model."""
        return self.root / "models" / name

    def report(self, name: str) -> Path:
        """Metrics, tables and pictures of one model."""
        return self.root / "reports" / name

    def insight(self, name: str) -> Path:
        """Pictures and tables of what one model sees."""
        return self.report(name) / "insight"

    def page(self, catalogue: str, dataset: str) -> Path:
        """The HTML page of one dataset from one catalogue, across its models."""
        return self.root / "reports" / f"{catalogue}-{dataset}.html"

    @property
    def benchmarks(self) -> Path:
        """What this machine measured: records and int8 variants; outside the stage graph."""
        return self.root / "benchmarks"
