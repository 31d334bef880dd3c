"""What an exported file says of itself."""

import json

import onnx
import torch

from sightline.export.translate import OPSET


def test_metadata_tells_what_the_file_is(layout):
    model = onnx.load(layout.model("lstm").onnx)
    metadata = {item.key: item.value for item in model.metadata_props}
    assert metadata["sightline_contract"] == "2"
    assert (metadata["name"], metadata["network"], metadata["task"]) == ("lstm", "lstm", "classify")
    assert (metadata["dataset"], metadata["catalogue"], metadata["terms"]) == (
        "bars",
        "sample",
        "none",
    )
    assert json.loads(metadata["classes"]) == ["bar 0", "bar 1", "bar 2"]
    assert json.loads(metadata["real"]) is False
    metrics = json.loads(layout.results("lstm").figures.read_text())
    assert json.loads(metadata["metrics"]) == metrics
    image = json.loads(metadata["image"])
    assert image["resize"] == {"size": 12, "rule": "shorter side, then centre crop"}
    assert (image["polarity"], image["colours"]) == ("light-on-dark", "grey")
    assert json.loads(metadata["versions"])["torch"] == torch.__version__.partition("+")[0]
    assert [(item.domain, item.version) for item in model.opset_import] == [("", OPSET)]
