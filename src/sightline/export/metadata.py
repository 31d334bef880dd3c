"""What an exported file says of itself, in ONNX's metadata_props. docs/onnx.md lists the keys."""

import json
from importlib.metadata import version

from sightline.export.translate import OPSET
from sightline.inference.session import CONTRACT


def metadata(description: dict, metrics: dict) -> dict[str, str]:
    """Return the metadata of a model: model.json and figures.json in, text by key out.

    Structured values are JSON, as sightline.inference.session.STRUCTURED names them.
    """
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
        "sightline_contract": str(CONTRACT),
        "name": description["name"],
        "network": description["network"],
        "task": description["task"],
        "dataset": data["dataset"],
        "catalogue": data["catalogue"],
        "note": data["note"],
        "terms": data["terms"],
    } | {key: json.dumps(value, ensure_ascii=False) for key, value in structured.items()}
