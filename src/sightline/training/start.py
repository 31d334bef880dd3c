"""A training that begins with weights: those of another model, or of a file that was fetched."""

import hashlib
import logging
from pathlib import Path

from torch import Tensor

from sightline.data import source
from sightline.errors import SightlineError, one_line
from sightline.layout import Layout
from sightline.models import start
from sightline.models.description import read_description, train_again
from sightline.models.trained import TrainedModel, read_state

logger = logging.getLogger(__name__)


def begin_with(name: str, trained: TrainedModel, layout: Layout) -> None:
    """Give an untrained model the weights `name`, and note in its description which they are.

    The head keeps its random start, unless the weights are those of a model that answers the same
    question about the same classes: a file does not say its classes. Raises SightlineError where
    the weights are missing or damaged, or do not fit.
    """
    files, model = layout.trained(name), trained.description["name"]
    if files.description.exists():
        path, again = files.weights, train_again(files)
        head = same_question(trained.description, read_description(files))
        given = read_state(path, again)
    elif layout.weights(name).source.exists():
        path, given = fetched(name, trained, layout)
        head = False
    else:
        raise SightlineError(
            f"{files.path} holds no weights: run `dvc repro train@{model}`, which makes what it "
            "starts from first"
        )
    if why := start.mistake(trained.network.state_dict(), given):
        raise SightlineError(
            f"{model}: cannot start from {name}: {why}: give both the same network settings, or "
            "change `start` in params.yaml"
        )
    loaded, tensors = start.load(trained.network, given, head)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    trained.description["start"] = {"name": name, "sha256": digest, "tensors": loaded}
    logger.info(
        "%s starts from %s: %d of %d tensors%s",
        *(model, name, loaded, tensors),
        "" if head else "; the head is new",
    )


def fetched(name: str, trained: TrainedModel, layout: Layout) -> tuple[Path, dict[str, Tensor]]:
    """Return the file of fetched weights, and its tensors under the names of the model's network.

    Raises SightlineError where the file is missing or is no state dict, and where the network has
    other names than the file.
    """
    about, paths = source.read(layout.weights(name), "weights")
    path, again = paths["weights"], f"correct the entry {name} in {layout.weights_catalogue}"
    given = (read_safetensors if about["format"] == "safetensors" else read_state)(path, again)
    if not isinstance(given, dict) or not all(isinstance(v, Tensor) for v in given.values()):
        raise SightlineError(f"{path} holds more than the tensors of a state dict: {again}")
    if about["names"] == "torchvision":
        network, model = trained.description["network"], trained.description["name"]
        own_weights = getattr(trained.network, "own_weights", None)
        if own_weights is None:
            raise SightlineError(
                f"{model}: cannot start from {name}: its tensors have torchvision's names, and "
                f"the network {network} has its own: take the network torchvision"
            )
        given = own_weights(given)
    return path, given


def read_safetensors(path: Path, again: str) -> dict[str, Tensor]:
    """Return the tensors of a file in safetensors' format, which holds nothing to run.

    Raises SightlineError, ending in `again`, where it is damaged or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise SightlineError(
            f"{path} is no file of safetensors ({one_line(error)}): {again}"
        ) from None


def same_question(one: dict, other: dict) -> bool:
    """Return whether two models, by their descriptions, give the same outputs the same meaning."""
    if (one["task"], one["outputs"]) != (other["task"], other["outputs"]):
        return False
    return one["data"]["classes"] == other["data"]["classes"]
