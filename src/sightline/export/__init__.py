"""Export: one self-contained ONNX file a model, checked against torch, and a card beside it."""

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
from sightline.inference import CONTRACT, Session
from sightline.layout import Layout
from sightline.trained import load_model

logger = logging.getLogger(__name__)


def export(name: str, layout: Layout) -> None:
    """Write model.onnx and README.md of one model, and export.json into its report.

    The file appears under its name last, after every check on its very bytes has passed. Raises
    SightlineError where a check fails, or what the export needs is missing; then there is none.
    """
    folder, report = layout.model(name), layout.report(name)
    target = folder / "model.onnx"
    target.unlink(missing_ok=True)
    model = load_model(folder)
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    images, labels = load_split(layout.processed(model.description["data"]["dataset"]), "test")
    if not len(labels):
        raise SightlineError(f"{name}: the test split is empty: there is nothing to check it with")
    images, targets = model.task.examples(images, labels, "test")
    metrics = _read_metrics(report / "metrics.json", name)

    proto = translate(model)
    for key, value in metadata(model.description, metrics).items():
        proto.metadata_props.add(key=key, value=value)
    unchecked = folder / "unchecked.onnx"
    try:
        write_atomically(unchecked, proto.SerializeToString(deterministic=True))
        try:
            figures = check(unchecked, model, images, targets)
        except SightlineError as error:
            raise SightlineError(f"{target} was not written: {error}") from None
        size = unchecked.stat().st_size
        figures = {"contract": CONTRACT, "opset": OPSET, "bytes": size, **figures}
        write_json(report / "export.json", figures)
        text = card(model.description, metrics, figures, Session(unchecked))
        write_atomically(folder / "README.md", text)
        unchecked.replace(target)
    finally:
        unchecked.unlink(missing_ok=True)
    logger.info("%s: %s", target, json.dumps(figures))


def _read_metrics(path, name: str) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SightlineError(
            f"{path}: no such file: run `dvc repro evaluate@{name}` first"
        ) from None
