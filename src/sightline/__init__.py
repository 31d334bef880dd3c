"""Sightline: a reproducible pipeline that teaches convolutional and recurrent networks to see."""

__version__ = "0.1.0"


def load(name: str, root: str = "."):
    """Return the trained torch module of a model, in evaluation mode.

    `name` is an entry under `models:` in params.yaml, `root` the project's folder. The module takes
    uint8 images, N x H x W x C, and returns a dict of outputs (see `sightline.trained`).
    Raises SightlineError where the model has not been trained.
    """
    from sightline.layout import Layout
    from sightline.models.trained import load_model

    return load_model(Layout(root).model(name))
