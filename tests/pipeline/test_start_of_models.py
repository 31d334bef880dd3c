"""DVC knows which model starts from which, by `start:` in params.yaml."""

import hashlib
import json
import shutil

import pytest
import yaml
from workspace import copy_project

from sightline.errors import SightlineError
from sightline.pipeline.graph import plan


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace of three models in which nothing has run."""
    return copy_project(tmp_path_factory.mktemp("starts"))


def start(workspace, name: str, other: str) -> None:
    def change(content: dict) -> None:
        content["models"][name]["start"] = other

    workspace.edit("params.yaml", change)


def test_a_training_waits_for_the_model_that_it_starts_from(workspace):
    assert plan(workspace.root, ["train@mnist-lstm"]).stages["train@mnist-lstm"].upstream == (
        "code",
        "preprocess@mnist",
    )
    start(workspace, "mnist-lstm", "mnist-cnn")
    assert plan(workspace.root, ["train@mnist-lstm"]).stages["train@mnist-lstm"].upstream == (
        "code",
        "preprocess@mnist",
        "train@mnist-cnn",
    )


@pytest.mark.faults
def test_dvc_refuses_a_circle_in_one_line(workspace):
    start(workspace, "mnist-lstm", "mnist-cnn")
    start(workspace, "mnist-cnn", "mnist-lstm")
    with pytest.raises(SightlineError, match="DVC cannot read the stages of") as caught:
        plan(workspace.root, ["train@mnist-lstm"])
    assert "\n" not in str(caught.value) and "train@mnist-cnn" in str(caught.value)


@pytest.mark.slow
def test_dvc_fetches_weights_and_trains_from_them(tmp_path):
    workspace = copy_project(tmp_path)
    assert "train@mnist-cnn" in workspace.repro("train@mnist-cnn")
    given = tmp_path / "given.pt"
    shutil.copy(workspace.root / "trained" / "mnist-cnn" / "weights.pt", given)
    digest = hashlib.sha256(given.read_bytes()).hexdigest()
    file = {"name": "given.pt", "role": "weights", "urls": [given.as_uri()], "sha256": digest}
    entry = {"format": "torch", "names": "sightline", "note": "-", "terms": "-", "file": file}
    (workspace.root / "data" / "weights.yaml").write_text(yaml.safe_dump({"given": entry}))
    workspace.edit("params.yaml", lambda content: content.update(weights=["given"]))
    start(workspace, "mnist-cnn", "given")
    assert workspace.repro("train@mnist-cnn") == ["weights@given", "train@mnist-cnn"]
    model = json.loads((workspace.root / "trained" / "mnist-cnn" / "model.json").read_text())
    assert (model["start"]["name"], model["start"]["sha256"]) == ("given", digest)
    assert workspace.repro("train@mnist-cnn") == []
