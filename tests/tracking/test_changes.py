"""The name of a run: the model's, and what differs from the commit."""

import subprocess

import pytest
import yaml
from results import make_results

from sightline.tracking import locked_results
from sightline.tracking.changes import changes, run_name

RECIPE = {"epochs": 3, "optimizer": {"name": "sgd", "learning_rate": 0.1}}
MODEL = {"dataset": "mnist", "network": "cnn", "recipe": "cnn-3"}


def lock(layout, model: dict, recipe: dict) -> locked_results.LockedResults:
    """Have dvc.lock name these settings for the training of mnist-cnn."""
    content = yaml.safe_load(layout.lock.read_text())
    used = content["stages"]["train@mnist-cnn"]["params"]["params.yaml"]
    used |= {"models.mnist-cnn": model, f"recipes.{model['recipe']}": recipe}
    layout.lock.write_text(yaml.safe_dump(content))
    return locked_results.read("mnist-cnn", layout)


@pytest.fixture
def layout(tmp_path, monkeypatch):
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    layout = make_results(tmp_path)
    committed = {"models": {"mnist-cnn": MODEL}, "recipes": {"cnn-3": RECIPE}}
    layout.params.write_text(yaml.safe_dump(committed))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run([*git, "add", "params.yaml"], check=True)
    subprocess.run([*git, "commit", "-qm", "params"], check=True)
    return layout


def test_as_committed_it_is_the_model_s_name(layout):
    assert run_name(lock(layout, MODEL, RECIPE)) == "mnist-cnn"


def test_what_was_changed_stands_in_the_name(layout, monkeypatch):
    recipe = RECIPE | {"optimizer": {"name": "sgd", "learning_rate": 0.3}, "clip_norm": 1}
    model = lock(layout, MODEL | {"network": "mlp"}, recipe)
    assert run_name(model) == "mnist-cnn network=mlp clip_norm=1 optimizer.learning_rate=0.3"
    monkeypatch.setenv("DVC_EXP_NAME", "fuzzy-sloe")
    assert run_name(model).endswith(" optimizer.learning_rate=0.3 (fuzzy-sloe)")


def test_another_recipe_is_one_change(layout):
    model = lock(layout, MODEL | {"recipe": "long"}, RECIPE | {"epochs": 90})
    assert changes(model) == {"recipe": "long"}


def test_a_long_name_ends_in_a_sign(layout):
    model = lock(layout, MODEL, RECIPE | {"augment": {f"key-{n}": n for n in range(40)}})
    assert len(run_name(model)) == 100 and run_name(model).endswith("…")


def test_without_a_commit_nothing_counts_as_changed(tmp_path):
    model = lock(make_results(tmp_path), MODEL | {"network": "mlp"}, RECIPE)
    assert changes(model) == {}
