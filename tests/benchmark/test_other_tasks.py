"""Models that do not classify are measured like any other: their own figure instead of top-1."""

import json
import re

import measurable
import pytest
from exported import TASKS

from sightline.benchmark import report, run
from sightline.layout import Layout
from sightline.settings import params
from sightline.tasks import FIGURES


def test_a_record_holds_the_tasks_own_figure_and_the_tables_name_it(tmp_path):
    measurable.make(tmp_path, *TASKS)
    layout, found = Layout(tmp_path), {}
    settings = params.load(layout)
    for name, key in run.due(list(TASKS), layout, settings).items():
        found[name] = run.measure(name, layout, settings, key)
    for name, record in found.items():
        figure, _ = FIGURES[TASKS[name][2]]
        said = json.loads((layout.report(name) / "metrics.json").read_text())
        fp32 = record["variants"]["fp32"]
        for split in ("val", "test"):
            assert fp32[f"{split}_{figure}"] == pytest.approx(said[split][figure], rel=1e-4)
        assert fp32["against_torch"]["max_difference"] < 1e-3
        assert "same_top1" not in fp32["against_torch"]
        assert "has no top-1 to hold its accuracy to" in record["variants"]["int8"]["why_not"]
        lines = report.text([record]).splitlines()
        (row,) = (line for line in lines if re.search(rf"\| +{figure} \|", line))
        assert f"{fp32[f'test_{figure}']:.4f} |" in row
    drawn = [path.name for path in report.draw(list(found.values()), layout)]
    assert drawn == ["bars-latency.png"], "no accuracy to draw: mse and degrees share no axis"
