"""What the stage `export` does: write the file, check its very bytes, write the card."""

import json
import logging

import torch

from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.export.card import card
from sightline.export.checks import check
from sightline.export.metadata import metadata
from sightline.export.translate import OPSET, translate
from sightline.files import write_atomically, write_json
from sightline.inference.session import CONTRACT, Session
from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.models.trained import load_model

logger = logging.getLogger(__name__)


def export(name: str, layout: Layout) -> None:
    """Write model.onnx and README.md of one model, and export.json among its results.

    The file appears under its name last, after every check on its very bytes has passed. Raises
    SightlineError where a check fails, or what the export needs is missing; then there is none.
    """
    files, results = layout.model(name), layout.results(name)
    files.onnx.unlink(missing_ok=True)
    model = load_model(files)
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    images, labels = load_split(layout.processed(model.description["data"]["dataset"]), "test")
    if not len(labels):
        raise SightlineError(f"{name}: the test split is empty: there is nothing to check it with")
    images, targets = model.task.examples(images, labels, "test")
    metrics = ModelResults(name, layout).metrics

    proto = translate(model)
    for key, value in metadata(model.description, metrics).items():
        proto.metadata_props.add(key=key, value=value)
    unchecked = files.unchecked_onnx
    try:
        write_atomically(unchecked, proto.SerializeToString(deterministic=True))
        try:
            figures = check(unchecked, model, images, targets)
        except SightlineError as error:
            raise SightlineError(f"{files.onnx} was not written: {error}") from None
        size = unchecked.stat().st_size
        figures = {"contract": CONTRACT, "opset": OPSET, "bytes": size, **figures}
        write_json(results.export, figures)
        text = card(model.description, metrics, figures, Session(unchecked))
        write_atomically(files.card, text)
        unchecked.replace(files.onnx)
    finally:
        unchecked.unlink(missing_ok=True)
    logger.info("%s: %s", files.onnx, json.dumps(figures))
