"""What the tests of the benchmark share: exported models, and locks that hold up nobody."""

import shutil
from pathlib import Path

import measurable
import pytest

from sightline.layout import Layout


@pytest.fixture(scope="session", autouse=True)
def _locks_of_our_own(tmp_path_factory):
    """Neither wait for what else runs on this machine nor hold it up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIGHTLINE_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """A workspace with exported models; copy it (`workspace`) before changing anything."""
    root = tmp_path_factory.mktemp("benchmark") / "exported"
    measurable.make(root, "cnn", "lstm", "gru")
    return root


@pytest.fixture
def workspace(exported, tmp_path, monkeypatch) -> Layout:
    """A copy of the workspace, which the test stands in."""
    shutil.copytree(exported, tmp_path / "workspace")
    monkeypatch.chdir(tmp_path / "workspace")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Layout(tmp_path / "workspace")
