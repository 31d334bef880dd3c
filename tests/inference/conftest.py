from pathlib import Path

import numpy as np
import pytest
from exported import trained

from sightline.data.arrays import load_split
from sightline.export.export import export
from sightline.layout import Layout


@pytest.fixture(scope="session")
def layout(tmp_path_factory) -> Layout:
    """A cnn and an lstm, exported."""
    layout = trained(tmp_path_factory.mktemp("inference"), "cnn", "lstm")
    for name in ("cnn", "lstm"):
        export(name, layout)
    return layout


@pytest.fixture
def model(layout) -> Path:
    """The file of the cnn."""
    return layout.model("cnn").onnx


@pytest.fixture(scope="session")
def bars(layout) -> np.ndarray:
    """One test image of each class, light on dark, 12 x 12."""
    return np.array(load_split(layout.processed("bars"), "test")[0][:3, :, :, 0])
