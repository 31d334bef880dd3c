"""What an exported file says of itself, in ONNX's metadata_props. docs/onnx.md lists the keys."""

import json
from importlib.metadata import version

from sightline.export.translate import OPSET
from sightline.models.description import trained_on_crops
from sightline.models.trained import TrainedModel, least_side


def contract(description: dict) -> int:
    """Return the number of the contract of a model's file: the oldest that describes it.

    3: one whose images are cropped, or may have other heights and widths. A reader of contract 2
    would take all of the shorter side.
    """
    crops = trained_on_crops(description) or "crop" in description["data"]["resize"]
    return 3 if crops else 2


def metadata(model: TrainedModel, metrics: dict) -> dict[str, str]:
    """Return the metadata of a model: the model and figures.json in, text by key out.

    Structured values are JSON, as sightline.inference.session.STRUCTURED names them.
    """
    description = model.description
    data = description["data"]
    height, width, channels = description["shape"]
    image = {
        "height": height,
        "width": width,
        "channels": channels,
        "colours": "grey" if channels == 1 else "RGB",
        "resize": data["resize"],
        "polarity": data["polarity"],
    }
    if model.any_size:
        image["least_side"] = least_side(model)
    versions = {name: version(name) for name in ("sightline", "torch", "onnx")}
    structured = {
        "classes": data["classes"],
        "image": image,
        "metrics": metrics,
        "real": data["real"],
        "recipe": description["recipe"],
        "versions": versions | {"opset": OPSET},
    }
    return {
        "sightline_contract": str(contract(description)),
        "name": description["name"],
        "network": description["network"],
        "task": description["task"],
        "dataset": data["dataset"],
        "catalogue": data["catalogue"],
        "note": data["note"],
        "terms": data["terms"],
    } | {key: json.dumps(value, ensure_ascii=False) for key, value in structured.items()}
