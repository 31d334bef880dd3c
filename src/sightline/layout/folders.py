"""The folders of data and results, and the names of the files in them."""

from pathlib import Path

SOURCE = "source.json"  # beside the files of a dataset


class Folder:
    """A folder whose files have fixed names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The dataset or model that the folder belongs to."""
        return self.path.name


class Raw(Folder):
    """The archives of a dataset under their official names, and what they are."""

    @property
    def source(self) -> Path:
        """What the files are: the last file of a download (`sightline.data.source`)."""
        return self.path / SOURCE


class Processed(Folder):
    """The arrays of a dataset (`sightline.data.arrays`)."""

    @property
    def meta(self) -> Path:
        """What the arrays are."""
        return self.path / "meta.json"

    def images(self, split: str) -> Path:
        """The images of one split, uint8 N x H x W x C."""
        return self.path / f"{split}.images.npy"

    def labels(self, split: str) -> Path:
        """The labels of one split, int64 N."""
        return self.path / f"{split}.labels.npy"

    def extents(self, split: str) -> Path:
        """How much of each row the image fills, int64 N x 2; only where images are no squares."""
        return self.path / f"{split}.extents.npy"


class TrainedFiles(Folder):
    """A trained network."""

    @property
    def weights(self) -> Path:
        """The state dict of the network."""
        return self.path / "weights.pt"

    @property
    def description(self) -> Path:
        """What the model is: all that is needed to build its network again."""
        return self.path / "model.json"

    @property
    def epochs(self) -> Path:
        """The training curve, a row each epoch."""
        return self.path / "epochs.csv"


class ModelFiles(Folder):
    """An exported model."""

    @property
    def onnx(self) -> Path:
        """The exported model."""
        return self.path / "model.onnx"

    @property
    def lengths_onnx(self) -> Path:
        """The exported model that also takes `lengths`, where the network can."""
        return self.path / "model-lengths.onnx"

    @property
    def export(self) -> Path:
        """The figures of the exported file's checks."""
        return self.path / "export.json"

    @property
    def unchecked(self) -> "ModelFiles":
        """The exported files before they have passed their checks."""
        return ModelFiles(self.path / "unchecked")

    @property
    def card(self) -> Path:
        """The model card."""
        return self.path / "README.md"


class PublishedFiles(ModelFiles):
    """An exported model as others get it: `sightline publish`. Its card has front-matter."""

    @property
    def labels(self) -> Path:
        """The names of the classes, in the order of the outputs, of a model that chooses."""
        return self.path / "labels.json"

    @property
    def provenance(self) -> Path:
        """The commit and the entries of dvc.lock that the model comes from."""
        return self.path / "provenance.json"

    @property
    def sbom(self) -> Path:
        """The packages of the environment, in CycloneDX's form."""
        return self.path / "sbom.cdx.json"

    @property
    def sums(self) -> Path:
        """The SHA-256 of every file but this one and the signature."""
        return self.path / "SHA256SUMS"

    @property
    def signature(self) -> Path:
        """The signature of all other files, where a key was given."""
        return self.path / "model.sig"

    @property
    def lengths_vectors(self) -> Path:
        """The folder of the test vectors of model-lengths.onnx."""
        return self.path / "model-lengths"


def file_with_lengths(onnx: Path) -> Path | None:
    """Return the file that also takes `lengths`, model-lengths.onnx beside model.onnx, if any."""
    beside = onnx.with_name(f"{onnx.stem}-lengths{onnx.suffix}")
    return beside if beside.is_file() else None


class Drawn(Folder):
    """Tables and pictures (PNG)."""

    @property
    def tables(self) -> Path:
        """The folder of tables."""
        return self.path / "tables"

    @property
    def pictures(self) -> Path:
        """The folder of pictures."""
        return self.path / "pictures"

    def table(self, name: str) -> Path:
        """One table."""
        return self.tables / f"{name}.csv"

    def picture(self, name: str) -> Path:
        """One picture."""
        return self.pictures / f"{name}.png"


class ResultFiles(Drawn):
    """The figures of one model, and the tables and pictures of its evaluation."""

    @property
    def metrics(self) -> Path:
        """The figure on val and on test by which models of its task are compared."""
        return self.path / "metrics.json"

    @property
    def figures(self) -> Path:
        """All figures on val and test, and what the network costs."""
        return self.tables / "figures.json"

    @property
    def insight(self) -> Drawn:
        """Tables and pictures of what the model sees."""
        return Drawn(self.path / "insight")


class BenchmarkFiles(Folder):
    """Records of measurements, pictures of them, and int8 variants of exported models."""

    def records(self, model: str) -> Path:
        """The folder of one model's records."""
        return self.path / "records" / model

    def int8(self, model: str) -> Path:
        """The int8 variant of one model, where this machine accepted one."""
        return self.path / "int8" / f"{model}.onnx"

    @property
    def pictures(self) -> Path:
        """The folder of pictures."""
        return self.path / "pictures"
