"""What the stage `export` does: write the file, check its very bytes, write the card."""

import logging
import shutil
from pathlib import Path

import onnx
import torch

from sightline.data.arrays import load_split
from sightline.errors import SightlineError
from sightline.export.card import card
from sightline.export.checks import check
from sightline.export.metadata import contract, metadata
from sightline.export.translate import OPSET, translate
from sightline.files import write_atomically, write_json
from sightline.inference.session import Session
from sightline.layout import Layout
from sightline.models.results import ModelResults
from sightline.models.trained import load_model

logger = logging.getLogger(__name__)


def export(name: str, layout: Layout) -> None:
    """Write model.onnx, model-lengths.onnx where the model takes lengths, README.md and export.json
    of one model.

    The files appear under their names last, after every check on their very bytes has passed.
    Raises SightlineError where a check fails, or what the export needs is missing; then there are
    none.
    """
    files = layout.model(name)
    files.onnx.unlink(missing_ok=True)
    files.lengths_onnx.unlink(missing_ok=True)
    model = load_model(layout.trained(name))
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    images, labels = load_split(layout.processed(model.description["data"]["dataset"]), "test")
    if not len(labels):
        raise SightlineError(f"{name}: the test split is empty: there is nothing to check it with")
    images, targets = model.task.examples(images, labels, "test")
    metrics = ModelResults(name, layout).metrics

    unchecked, texts = files.unchecked, metadata(model, metrics)
    shutil.rmtree(unchecked.path, ignore_errors=True)  # of an export that was killed
    try:
        unchecked.path.mkdir(parents=True, exist_ok=True)
        _write(unchecked.onnx, translate(model), texts)
        if model.network.takes_lengths:
            _write(unchecked.lengths_onnx, translate(model, with_lengths=True), texts)
        try:
            figures = check(unchecked.onnx, model, images, targets)
        except SightlineError as error:
            raise SightlineError(f"{files.onnx} was not written: {error}") from None
        size = unchecked.onnx.stat().st_size
        number = contract(model.description)
        figures = {"contract": number, "opset": OPSET, "bytes": size, **figures}
        write_json(files.export, figures)
        text = card(model.description, metrics, figures, Session(unchecked.onnx))
        write_atomically(files.card, text)
        if model.network.takes_lengths:
            unchecked.lengths_onnx.replace(files.lengths_onnx)
        unchecked.onnx.replace(files.onnx)
    finally:
        shutil.rmtree(unchecked.path, ignore_errors=True)
    logger.info(
        "%s: %s kB, opset %d; it answers %s test images as torch does",
        files.onnx,
        f"{size / 1000:,.0f}",
        OPSET,
        f"{len(images):,}",
    )


def _write(path: Path, proto: onnx.ModelProto, texts: dict[str, str]) -> None:
    for key, value in texts.items():
        proto.metadata_props.add(key=key, value=value)
    write_atomically(path, proto.SerializeToString(deterministic=True))
