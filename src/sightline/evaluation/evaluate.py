"""What the stage `evaluate` does: the figures of one model, and the tables and pictures behind
them.

What all tasks share stands here; the task's own `evaluation` module has the rest.
"""

import logging

from sightline import tasks
from sightline.data.arrays import load_meta, load_split
from sightline.drawing.results_folder import ResultsFolder
from sightline.errors import SightlineError
from sightline.evaluation.flops import flops
from sightline.evaluation.views import over_views
from sightline.files import write_json
from sightline.layout import Layout
from sightline.models.device import placed
from sightline.models.trained import TrainedModel, load_model

logger = logging.getLogger(__name__)


def evaluate(name: str, layout: Layout, test_time_views: str = "none", device: str = "cpu") -> None:
    """Write the figures of one model, and the tables and pictures that its task has.

    metrics.json holds the two figures that `dvc metrics` and `dvc exp` compare.

    `test_time_views`: none, flip or flip-translate, for an entry of its own (`views.over_views`).
    `device`: compute.device. Raises SightlineError where the model or its data is missing, the test
    split is empty, or the device is not there or fails.
    """
    with placed(load_model(layout.trained(name)), device) as model:
        leave(model, layout, test_time_views)


def leave(model: TrainedModel, layout: Layout, test_time_views: str) -> None:
    """Write what `evaluate` leaves of a model."""
    name = model.description["name"]
    processed, task = layout.processed(model.description["data"]["dataset"]), model.task
    meta = load_meta(processed)
    if not meta["counts"]["test"]:
        raise SightlineError(f"{name}: the test split is empty: there is nothing to test it on")
    splits = {
        split: task.examples(*load_split(processed, split), split)
        for split in ("val", "test")
        if meta["counts"][split]
    }
    train_images, _ = load_split(processed, "train")
    results = ResultsFolder(layout.results(name), name, meta)
    evaluation = tasks.evaluation(model.description["task"])
    figures = {
        "catalogue": meta["catalogue"],
        "task": model.description["task"],
        "parameters": model.description["parameters"],
        "flops": flops(model),
        **evaluation.evaluate(model, splits, train_images, results),
        **over_views(model, splits, test_time_views),
    }
    key = task.words.figure
    compared = {split: {key: figures[split][key]} for split in splits}
    write_json(layout.results(name).figures, figures)
    write_json(layout.results(name).metrics, compared)
    reached = " and ".join(f"{figures[split][key]:.4f} on {split}" for split in splits)
    logger.info("%s: %s %s, in %s", name, key, reached, layout.results(name).path)
