import shutil

import pytest
from exported import MODELS, trained

from sightline.export.export import export
from sightline.layout import Layout


@pytest.fixture(scope="session")
def layout(tmp_path_factory) -> Layout:
    """Every network of MODELS, trained, evaluated and exported."""
    layout = trained(tmp_path_factory.mktemp("export"), *MODELS)
    for name in MODELS:
        export(name, layout)
    return layout


@pytest.fixture
def copy(layout, tmp_path) -> Layout:
    """The same, to be changed."""
    shutil.copytree(layout.root, tmp_path / "copy")
    return Layout(tmp_path / "copy")
