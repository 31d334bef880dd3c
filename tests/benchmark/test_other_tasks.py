"""Models that do not classify are measured like any other: their own figure instead of top-1."""

import json
import re

import measurable
import pytest
from exported import TASKS

from sightline import tasks
from sightline.benchmark import run, summary
from sightline.layout import Layout
from sightline.settings import params


def test_a_record_holds_the_tasks_own_figure_and_tables_and_pictures_name_it(tmp_path):
    measurable.make(tmp_path, *TASKS)
    layout = Layout(tmp_path)
    settings = params.load(layout)
    keys = run.due(list(TASKS), layout, settings)
    records = {name: run.measure(name, layout, settings, key) for name, key in keys.items()}
    for name, record in records.items():
        figure = tasks.words(TASKS[name][2]).figure
        metrics = json.loads(layout.results(name).figures.read_text())
        fp32 = record["variants"]["fp32"]
        for split in ("val", "test"):
            assert fp32[f"{split}_{figure}"] == pytest.approx(metrics[split][figure], rel=1e-4)
        assert fp32["against_torch"]["max_difference"] < 1e-3
        assert "same_choice" not in fp32["against_torch"]
        assert "has no top-1 to hold its accuracy to" in record["variants"]["int8"]["why_not"]
        lines = summary.text([record]).splitlines()
        (row,) = (line for line in lines if re.search(rf"\| +{figure} \|", line))
        assert f"{fp32[f'test_{figure}']:.4f} |" in row
    pictures = summary.write_pictures(list(records.values()), layout)
    assert [path.name for path in pictures] == [
        f"sample-bars-{part}.png" for part in ("latency", "next-row", "rotation")
    ]
