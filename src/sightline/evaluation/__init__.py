"""Evaluation: how good a model is on the splits that training never saw, and where not.

What all tasks share stands here; the module of a task's name says the rest.
"""

import importlib
import json
import logging

import torch

from sightline.data.arrays import load_meta, load_split
from sightline.errors import SightlineError
from sightline.evaluation.flops import flops
from sightline.evaluation.report import Report
from sightline.evaluation.views import over_views
from sightline.files import write_json
from sightline.layout import Layout
from sightline.trained import load_model

logger = logging.getLogger(__name__)


def evaluate(name: str, layout: Layout, test_time_views: str = "none") -> None:
    """Write metrics.json of one model, and the tables and pictures that its task has.

    `test_time_views`: none, flip or flip-translate, for an entry of its own (`views.over_views`).
    Raises SightlineError where the model or its data is missing, or the test split is empty.
    """
    model = load_model(layout.model(name))
    torch.set_num_threads(model.description["threads"])  # it decides the bits
    folder, task = layout.processed(model.description["data"]["dataset"]), model.description["task"]
    meta = load_meta(folder)
    if not meta["counts"]["test"]:
        raise SightlineError(f"{name}: the test split is empty: there is nothing to test it on")
    splits = {
        split: model.task.examples(*load_split(folder, split), split)
        for split in ("val", "test")
        if meta["counts"][split]
    }
    train_images, _ = load_split(folder, "train")
    subject = importlib.import_module(f"sightline.evaluation.{task.replace('-', '_')}")
    report = Report(layout.report(name), name, meta)
    metrics = {
        "catalogue": meta["catalogue"],
        "task": task,
        "parameters": model.description["parameters"],
        "flops": flops(model),
    } | subject.evaluate(model, splits, train_images, report)
    metrics |= over_views(model, splits, test_time_views)
    write_json(layout.report(name) / "metrics.json", metrics)
    logger.info("%s: %s", name, json.dumps(metrics))
