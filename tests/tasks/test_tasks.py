"""What all tasks have, and which networks and recipes cannot do them."""

from dataclasses import replace

import pytest

from sightline import networks, tasks
from sightline.errors import SightlineError
from sightline.models.check import mistake
from sightline.settings.params import Compute, Dataset, Model
from sightline.settings.recipe import Augment, Optimizer, Recipe

RECIPE = Recipe(1, 32, Optimizer("adam", 0.01))


@pytest.mark.parametrize("name", tasks.names())
def test_every_task_has_its_parts(name):
    words, task = tasks.words(name), tasks.task(name)
    assert task.words is words and words.figure in words.figures
    assert task.outputs({"classes": ["a", "b"], "width": 5, "channels": 3}) > 0
    assert callable(tasks.evaluation(name).evaluate)
    assert words.choice is None or (words.choice in words.outputs and words.higher_is_better)


def test_a_task_that_is_not_known_is_a_line_with_the_nearest_name():
    for part in (tasks.words, tasks.task, tasks.evaluation, tasks.insight):
        with pytest.raises(SightlineError, match=r"no task 'clasify' .*did you mean 'classify'\?"):
            part("clasify")


@pytest.mark.parametrize(
    ("task", "network", "settings", "changes", "message"),
    [
        ("next-row", "cnn", {"widths": [4]}, {}, "sees the whole image at once: take rnn, irnn"),
        ("next-row", "lstm", {"hidden_size": 4, "bidirectional": True}, {}, "drop bidirectional"),
        ("next-row", "gru", {"hidden_size": 4, "sequence": "pixels"}, {}, "set sequence: rows"),
        ("next-row", "gru", {"hidden_size": 4}, {"label_smoothing": 0.1}, "here are none: drop it"),
        ("rotation", "cnn", {"widths": [4]}, {"label_smoothing": 0.1}, "here are none: drop it"),
        ("next-row", "gru", {"hidden_size": 4}, {"min_rows": 1}, "set min_rows to 2 or more"),
        (
            "rotation",
            "cnn",
            {"widths": [4]},
            {"augment": Augment(trivial=True)},
            "augment.trivial turn",
        ),
        ("rotation", "cnn", {"widths": [4]}, {"min_rows": 3}, "read sequences: drop them"),
        ("classify", "mlp", {"widths": [4]}, {"bptt_steps": 3}, "read sequences: drop them"),
        ("next-row", "irnn", {"hidden_size": 4}, {}, None),
        ("rotation", "gru", {"hidden_size": 4, "sequence": "pixels"}, {}, None),
        ("classify", "cnn", {"widths": [4]}, {"label_smoothing": 0.1}, None),
    ],
)
def test_what_cannot_go_together_is_named(task, network, settings, changes, message):
    recipe = replace(RECIPE, network=settings, **changes)
    parsed = networks.module(network).Settings(**settings)
    dataset = Dataset(image_size=12, channels=1, val_size=0.1)
    why = mistake(Model("bars", network, task, "short"), recipe, parsed, dataset, Compute())
    assert (why is None) if message is None else (message in why)
