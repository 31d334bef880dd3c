"""A server of three small models, and images that they know."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from exported import trained
from serving.server import Server, serving

from sightline.data.arrays import load_split
from sightline.export.export import export
from sightline.layout import Layout

MODELS = ("cnn", "lstm-next-row", "cnn-rotation")


@pytest.fixture(scope="session")
def layout(tmp_path_factory) -> Layout:
    """One model of each task, exported."""
    layout = trained(tmp_path_factory.mktemp("serving"), *MODELS)
    for name in MODELS:
        export(name, layout)
    return layout


@pytest.fixture(scope="session")
def bars(layout) -> np.ndarray:
    """Three test images, light on dark, 12 x 12."""
    return np.array(load_split(layout.processed("bars"), "test")[0][:3, :, :, 0])


@pytest.fixture(scope="session")
def server(layout) -> Iterator[Server]:
    with serving(*(str(layout.model(name).path) for name in MODELS)) as server:
        yield server


@pytest.fixture(scope="session")
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def model(layout) -> Path:
    """The file of the cnn."""
    return layout.model("cnn").onnx
