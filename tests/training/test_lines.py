"""What a training tells a person."""

import logging
import re

from trainings import run

from sightline.evaluation.evaluate import evaluate
from sightline.export.export import export
from sightline.insight.insight import insight


def test_an_epoch_is_a_line(layout, caplog):
    caplog.set_level(logging.INFO)
    run(layout, "mlp", epochs=2)
    lines = [line for line in caplog.text.splitlines() if "epoch " in line]
    assert "epoch 1 of 2: val_top1 " in lines[0] and "learning_rate 0.01, " in lines[0]
    assert "epoch 2 of 2" in lines[1]


def test_each_stage_ends_with_a_sentence(layout, caplog):
    """What it reached or made, and where that lies; no JSON."""
    caplog.set_level(logging.INFO)
    run(layout, "cnn", epochs=1)
    last = caplog.messages[-1]
    assert re.fullmatch(r"it: top1 0\.\d{4} on val after 1 epoch \(\d+ steps, \d+ s\), in .*", last)
    assert last.endswith(str(layout.trained("it").path))
    evaluate("it", layout)
    last = caplog.messages[-1]
    assert re.fullmatch(r"it: top1 0\.\d{4} on val and 0\.\d{4} on test, in .*reports/it", last)
    insight("it", layout)
    assert "it: confused, features, filters, occlusion, in " in caplog.messages[-1]
    export("it", layout)
    assert re.search(r"model\.onnx: \d+ kB, opset \d+; it answers \d+ test", caplog.messages[-1])
