"""model.json: what a trained model is, and all that is needed to build its network again."""

from typing import Any

from sightline.files import read_json
from sightline.layout import TrainedFiles

KEYS = (
    *("name", "network", "task", "recipe", "seed", "threads"),
    *("shape", "outputs", "parameters", "data"),
)


def read_description(files: TrainedFiles) -> dict[str, Any]:
    """Return the content of model.json; SightlineError where it is missing or damaged."""
    return read_json(files.description, train_again(files), *KEYS)


def train_again(files: TrainedFiles) -> str:
    """Return what to do about a file of a training that is missing or damaged."""
    return f"run `dvc repro train@{files.name}`"


def trained_on_crops(description: dict[str, Any]) -> bool:
    """Return whether training showed random parts of the images, at sizes of all kinds."""
    return "crop" in description["recipe"].get("augment", {})
