"""The model card: its code runs, its figures are those of the model."""

import json
import re
import subprocess
import sys

import pytest

from sightline.export.card import card
from sightline.inference.session import Session
from sightline.models.results import ModelResults


def test_code_of_the_card_runs(layout):
    card = layout.model("cnn").card.read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", card, re.DOTALL))
    blocked = "import sys; sys.modules['torch'] = sys.modules['sightline'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + code],
        cwd=layout.model("cnn").path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "'probabilities': (2, 3)" in done.stdout
    assert "bar" in done.stdout.splitlines()[-1]


def test_card_tells_sample_from_real_and_carries_the_figures(layout):
    card = layout.model("cnn").card.read_text()
    metrics = json.loads(layout.results("cnn").figures.read_text())
    assert "NOT real data" in card
    assert f"| test | 60 | {metrics['test']['top1']} |" in card
    assert "lengths" not in card
    assert "`lengths`" in layout.model("lstm").card.read_text()


@pytest.mark.faults
def test_names_of_classes_are_text_in_the_card(layout):
    files, results = layout.model("cnn"), ModelResults("cnn", layout)
    description = json.loads(layout.trained("cnn").description.read_text())
    description["data"] |= {"classes": ["<b>a", "*b*"], "note": "<script>", "terms": "[x](y)"}
    figures = json.loads(files.export.read_text())
    text = card(description, results.metrics, figures, Session(files.onnx))
    assert r"Classes: &lt;b&gt;a, \*b\*." in text
    assert "> &lt;script&gt;" in text and r"terms: \[x\](y)" in text
