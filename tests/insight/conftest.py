import pytest
from exported import trained

from sightline.layout import Layout

NAMES = ["mlp", "cnn", "irnn", "lstm-deep", "gru-pixels", "lstm-next-row", "cnn-rotation"]


@pytest.fixture(scope="session")
def layout(tmp_path_factory) -> Layout:
    """Trained and evaluated models of NAMES, on bars."""
    return trained(tmp_path_factory.mktemp("insight"), *NAMES)
