"""Stores of MLflow to write into."""

import multiprocessing
import shutil
from pathlib import Path

import pytest

from sightline.layout import Layout
from sightline.tracking import connection, store


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A store that was made and never written, to copy: making one takes seconds."""
    root = tmp_path_factory.mktemp("empty")
    connection.create(store.find(Layout(root)))
    return root / ".sightline"


@pytest.fixture
def project(tmp_path, empty_store) -> Path:
    root = tmp_path / "my project ü"  # paths are URIs in MLflow: both characters need care
    shutil.copytree(empty_store, root / ".sightline")
    return root


@pytest.fixture(scope="session")
def processes():
    """Processes that have imported MLflow already and share nothing else with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "sightline.tracking.log",
            "mlflow.onnx",
            "mlflow.pyfunc.scoring_server",
            "mlflow.store.model_registry.sqlalchemy_store",
            "mlflow.store.tracking.sqlalchemy_store",
            "matplotlib.backends.backend_agg",
            "onnxruntime",
        ]
    )
    return context
