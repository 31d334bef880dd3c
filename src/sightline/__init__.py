"""Sightline: a reproducible pipeline that teaches convolutional and recurrent networks to see."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.models.trained import TrainedModel

__version__ = "0.1.0"

# No library reports to its maker, unless a person sets these otherwise. onnxruntime and MLflow read
# them when they are imported, and whatever imports them here has imported this module first.
for _variable in ("ORT_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_variable, "1")


def load(name: str, root: str = ".") -> "TrainedModel":
    """Return the trained torch module of a model, in evaluation mode.

    `name` is an entry under `models:` in params.yaml, `root` the project's folder. The module takes
    uint8 images, N x H x W x C, and returns a dict of outputs (`sightline.models.trained`).
    Raises SightlineError where the model has not been trained.
    """
    from sightline.layout import Layout
    from sightline.models.trained import load_model

    return load_model(Layout(root).trained(name))
