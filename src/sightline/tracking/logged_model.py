"""The ONNX model as MLflow keeps it: signature, example, and what the file says of itself."""

import json
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sightline.layout import ModelFiles

if TYPE_CHECKING:
    import onnx
    from mlflow.models import ModelSignature

PIXELS = "raw pixels 0 to 255 as whole numbers, rows from the top; grey or R, G, B"


def save_arguments(files: ModelFiles) -> dict[str, Any]:
    """Return what mlflow.onnx.log_model and save_model are called with for an exported model.

    `metadata` is what a program must know to ask it, in the words of docs/onnx.md: the class names
    in the order of the outputs, and how an image must come in.
    """
    import numpy as np
    import onnx

    proto = onnx.load(files.onnx)
    own = {entry.key: entry.value for entry in proto.metadata_props}
    image = json.loads(own["image"])
    example = np.zeros((1, image["height"], image["width"], image["channels"]), np.uint8)
    return {
        "onnx_model": proto,
        "signature": _signature(proto),
        "input_example": {"images": example},
        "metadata": {
            "task": own["task"],
            "classes": json.loads(own["classes"]),
            "image": image | {"pixels": PIXELS},
        },
        "pip_requirements": [f"{name}=={version(name)}" for name in ("onnx", "onnxruntime")],
        "save_as_external_data": False,
    }


def _signature(proto: "onnx.ModelProto") -> "ModelSignature":
    """Return the graph's required inputs and its outputs, with -1 for every size that may vary."""
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(values: "Iterable[onnx.ValueInfoProto]") -> Schema:
        return Schema(
            [
                TensorSpec(
                    np.dtype(
                        onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                    ),
                    tuple(d.dim_value or -1 for d in value.type.tensor_type.shape.dim),
                    value.name,
                )
                for value in values
            ]
        )

    optional = {tensor.name for tensor in proto.graph.initializer}
    required = [value for value in proto.graph.input if value.name not in optional]
    return ModelSignature(schema(required), schema(proto.graph.output))
