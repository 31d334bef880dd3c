"""DVC knows which model starts from which, by `start:` in params.yaml."""

import pytest
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
