"""A project in which two CNNs and a ReLU recurrence were exported, in real git and DVC."""

import shutil
from pathlib import Path

import pytest
import yaml
from publishable import MODELS, STAGES, commit, shell
from support import write_workspace

from sightline.cli import main
from sightline.layout import Layout, PublishedFiles
from sightline.publishing.publish import publish


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The project, with everything committed; copy it."""
    root = tmp_path_factory.mktemp("publishing") / "project"
    recipes = {
        f"short-{network}": {
            "epochs": 1,
            "batch_size": 32,
            "optimizer": {"name": "adam", "learning_rate": 0.02},
            "network": settings,
        }
        for network, settings in MODELS.items()
    }
    recipes["short-crops"]["augment"] = {"crop": {"area": [0.5, 1], "ratio": [0.8, 1.25]}}
    write_workspace(root, "bars", {network: f"short-{network}" for network in MODELS}, recipes)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["models"]["bars-crops"]["network"] = "cnn"
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "dvc.yaml").write_text(STAGES)
    (root / ".gitignore").write_text("/data/processed\n/models\n/reports\n/trained\n/.sightline\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for network in MODELS:
            for stage in ("train", "evaluate", "export"):
                assert main([stage, f"bars-{network}"]) == 0
    shell(root, "git", "init", "-q")
    shell(root, "dvc", "init", "-q")
    shell(root, "dvc", "commit", "-q", "-f")
    commit(root)
    return root


@pytest.fixture
def project(exported, tmp_path) -> Layout:
    """A project of the test's own."""
    shutil.copytree(exported, tmp_path / "project", symlinks=True)
    return Layout(tmp_path / "project")


@pytest.fixture(scope="session")
def published(exported, tmp_path_factory) -> Path:
    """A folder with what was published of both models; copy it."""
    folder = tmp_path_factory.mktemp("published")
    for network in MODELS:
        publish(f"bars-{network}", folder / network, Layout(exported))
    return folder


@pytest.fixture
def cnn(published, tmp_path) -> PublishedFiles:
    """A published CNN of the test's own."""
    shutil.copytree(published / "cnn", tmp_path / "cnn")
    return PublishedFiles(tmp_path / "cnn")


@pytest.fixture
def irnn(published, tmp_path) -> PublishedFiles:
    """A published ReLU recurrence of the test's own."""
    shutil.copytree(published / "irnn", tmp_path / "irnn")
    return PublishedFiles(tmp_path / "irnn")
