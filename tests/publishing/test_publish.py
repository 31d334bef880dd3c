"""`sightline publish`: the same bytes for the same state, or a line and nothing written."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from publishable import commit
from support import PROJECT, change

from sightline.errors import SightlineError
from sightline.layout import Layout, PublishedFiles
from sightline.publishing.publish import publish
from sightline.publishing.verify import verify


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_state_gives_the_same_bytes_wherever_it_lies(project, published, tmp_path):
    publish("bars-irnn", tmp_path / "again", project)
    assert contents(tmp_path / "again") == contents(published / "irnn")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_folder_holds_what_a_hub_wants(published):
    names = sorted(contents(published / "irnn"))
    sets = ["model-lengths/test_data_set_0", *(f"test_data_set_{n}" for n in range(3))]
    assert {name.rpartition("/")[0] for name in names} == {"", *sets}
    assert [name for name in names if "/" not in name] == [
        *("README.md", "SHA256SUMS", "export.json", "labels.json"),
        *("model-lengths.onnx", "model.onnx", "provenance.json", "sbom.cdx.json"),
    ]
    assert json.loads(PublishedFiles(published / "cnn").labels.read_text()) == [
        "bar 0",
        "bar 1",
        "bar 2",
    ]


def test_the_front_matter_says_task_data_figures_and_licence(project, tmp_path):
    publish("bars-cnn", tmp_path / "cnn", project, license="apache-2.0")
    _, head, card = (tmp_path / "cnn" / "README.md").read_text().split("---\n", 2)
    assert card == project.model("bars-cnn").card.read_text()
    content = yaml.safe_load(head)
    assert content["license"] == "apache-2.0" and "license_name" not in content
    assert content["pipeline_tag"] == "image-classification"
    assert content["datasets"] == ["sample-bars"]  # not real: no hub shall take it for another's
    val, test = content["model-index"][0]["results"]
    assert (val["dataset"]["split"], test["dataset"]["split"]) == ("val", "test")
    metrics = json.loads(project.results("bars-cnn").figures.read_text())
    assert test["metrics"] == [
        {
            "type": "accuracy",
            "value": metrics["test"]["top1"],
            "name": "top1 on test",
            "args": {"seeds": [0]},
        }
    ]


def test_provenance_is_the_commit_and_the_slice_of_the_lock(project, published):
    content = json.loads(PublishedFiles(published / "cnn").provenance.read_text())
    lock = yaml.safe_load(project.lock.read_text())["stages"]
    names = [f"{stage}@bars-cnn" for stage in ("train", "evaluate", "export")]
    assert content["stages"] == {name: lock[name] for name in names}
    head = (project.root / ".git" / "HEAD").read_text().split()[1]
    assert content["commit"] == (project.root / ".git" / head).read_text().strip()


def test_an_earlier_publish_is_replaced(project, tmp_path):
    folder = tmp_path / "folder"
    publish("bars-irnn", folder, project)
    publish("bars-cnn", folder, project)
    assert not PublishedFiles(folder).lengths_onnx.exists()
    verify(folder)


def test_what_a_killed_publish_left_is_cleared(project, tmp_path):
    left = tmp_path / ".folder.unfinished"
    left.mkdir()
    (left / "model.onnx").write_bytes(b"half")
    publish("bars-cnn", tmp_path / "folder", project)
    assert not left.exists()


@pytest.mark.faults
def test_a_publish_that_is_killed_leaves_no_half_folder(project, tmp_path):
    folder, unfinished = tmp_path / "folder", tmp_path / ".folder.unfinished"
    command = [sys.executable, "-m", "sightline.cli", "publish", "bars-irnn", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "src")}
    with subprocess.Popen(command, cwd=project.root, env=environment) as process:
        while process.poll() is None and not unfinished.exists():
            time.sleep(0.005)
        process.kill()
    assert not folder.exists()
    publish("bars-irnn", folder, project)
    assert verify(folder) and not unfinished.exists()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["mine.txt"], "is not empty and no earlier publish"),
        (["SHA256SUMS", "provenance.json"], "SHA256SUMS is damaged"),
    ],
)
def test_a_folder_of_somebodys_is_refused_and_left_alone(project, tmp_path, names, message):
    for name in names:
        (tmp_path / name).write_text("mine")
    with pytest.raises(SightlineError, match=message):
        publish("bars-cnn", tmp_path, project)
    assert all((tmp_path / name).read_text() == "mine" for name in names)


@pytest.mark.faults
def test_an_own_file_in_an_earlier_publish_is_not_lost(project, cnn):
    own = cnn.path / "notes" / "mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(SightlineError, match=r"mine\.txt is of no earlier publish"):
        publish("bars-cnn", cnn.path, project)
    assert own.read_text() == "mine"


@pytest.mark.faults
def test_a_file_in_the_folders_place_is_refused(project, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SightlineError, match=r"file is a file: choose another folder"):
        publish("bars-cnn", tmp_path / "file", project)


@pytest.mark.faults
def test_an_unknown_model_is_answered_with_the_nearest_name(project, tmp_path):
    with pytest.raises(SightlineError, match="did you mean 'bars-cnn'"):
        publish("bars-cn", tmp_path / "folder", project)


@pytest.mark.faults
def test_a_licence_that_is_no_name_is_refused(project, tmp_path):
    with pytest.raises(SightlineError, match="'My licence' is no name"):
        publish("bars-cnn", tmp_path / "folder", project, license="My licence")


def remove_model(project: Layout) -> None:
    project.model("bars-cnn").onnx.unlink()


def change_model(project: Layout) -> None:
    with project.model("bars-cnn").card.open("a") as card:
        card.write("more\n")


def change_recipe(project: Layout) -> None:
    change(project, "recipes.short-cnn.epochs", 2)
    commit(project.root)


def change_weights(project: Layout) -> None:
    project.trained("bars-cnn").weights.write_bytes(b"others")


def change_params(project: Layout) -> None:
    change(project, "flows.cpu_slots", 1)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_model, r"model\.onnx: no such file: bars-cnn is not exported yet: run `sightline"),
        (change_model, r"models/bars-cnn is not what .*dvc\.lock names: its md5 is"),
        (change_recipe, "train@bars-cnn is out of date: run `sightline repro export@bars-cnn`"),
        (change_weights, "train@bars-cnn is out of date"),
        (change_params, r"params\.yaml is not committed: commit it first"),
    ],
)
def test_a_state_that_is_not_what_it_seems_is_refused(project, tmp_path, damage, message):
    damage(project)
    with pytest.raises(SightlineError, match=message):
        publish("bars-cnn", tmp_path / "folder", project)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
