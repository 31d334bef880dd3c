"""A training that begins with the weights of another model."""

import hashlib
import logging

from sightline.errors import SightlineError
from sightline.layout import TrainedFiles
from sightline.models import start
from sightline.models.description import read_description, train_again
from sightline.models.trained import TrainedModel, read_state

logger = logging.getLogger(__name__)


def begin_with(files: TrainedFiles, trained: TrainedModel) -> None:
    """Give an untrained model the weights of another, and note in its description which they are.

    The head keeps its random start, unless both models answer the same question about the same
    classes. Raises SightlineError where the weights are missing or damaged, or do not fit.
    """
    name, again = trained.description["name"], train_again(files)
    theirs, weights = read_description(files), read_state(files.weights, again)
    if why := start.mistake(trained.network.state_dict(), weights):
        raise SightlineError(
            f"{name}: cannot start from {files.name}: {why}: give both models the same network "
            "settings, or change `start` in params.yaml"
        )
    head = same_question(trained.description, theirs)
    loaded, tensors = start.load(trained.network, weights, head)
    trained.description["start"] = {
        "name": files.name,
        "sha256": hashlib.sha256(files.weights.read_bytes()).hexdigest(),
        "tensors": loaded,
    }
    logger.info(
        "%s starts from %s: %d of %d tensors%s",
        *(name, files.name, loaded, tensors),
        "" if head else "; the head is new, because its classes are others",
    )


def same_question(one: dict, other: dict) -> bool:
    """Return whether two models, by their descriptions, give the same outputs the same meaning."""
    if (one["task"], one["outputs"]) != (other["task"], other["outputs"]):
        return False
    return one["data"]["classes"] == other["data"]["classes"]
