"""What `sightline validate` accepts can be trained and evaluated; what it refuses is a line."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from drawn import params as any_params
from hypothesis import HealthCheck, Phase, event, given, settings
from support import write_processed

from sightline.errors import SightlineError
from sightline.evaluation.evaluate import evaluate
from sightline.layout import Layout
from sightline.models.check import check_models
from sightline.settings import params
from sightline.training.loop import train

COUNTS = {"train": 12, "val": 3, "test": 5}
DIVERGED = ("the loss is ", "its training diverged")  # what only the data can tell
ALIKE = {
    "deadline": None,
    "derandomize": True,  # the same examples every time
    "database": None,
    "phases": [Phase.generate, Phase.shrink],
    "suppress_health_check": list(HealthCheck),
}


@pytest.mark.faults
@settings(max_examples=25, **ALIKE)
@given(any_params())
def test_what_is_valid_runs(drawn):
    it_runs_or_is_refused_in_lines(drawn)


@pytest.mark.slow
@pytest.mark.faults
@settings(max_examples=300, **ALIKE)
@given(any_params())
def test_what_is_valid_runs_many_more(drawn):
    it_runs_or_is_refused_in_lines(drawn)


def it_runs_or_is_refused_in_lines(drawn: dict) -> None:
    """Validate; train for two epochs of a few images and evaluate what is valid."""
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        layout = Layout(Path(folder))
        (layout.root / "data" / "catalogues").mkdir(parents=True)
        (layout.root / "data" / "catalogues" / "sample.yaml").write_text("{}")
        layout.params.write_text(yaml.safe_dump(drawn))
        try:
            valid = params.load(layout)
            check_models(valid, layout)
        except SightlineError as error:
            lines = str(error).splitlines()
            assert all(line.startswith(str(layout.params)) and len(line) < 500 for line in lines)
            event("refused")
            return
        event("valid")
        dataset, (model, recipe) = valid.dataset("bars"), valid.model("it")
        processed = layout.processed("bars").path
        write_processed(processed, 2, dataset.image_size, dataset.channels, COUNTS)
        if valid.compute.processes > 1:
            return  # tests/training/test_ranks.py
        try:
            train("it", model, recipe, valid.compute, layout)
            evaluate("it", layout, valid.evaluation.test_time_views)
        except SightlineError as error:
            assert any(text in str(error) for text in DIVERGED), error
            event("diverged")
