"""A workspace whose dataset `bars` is preprocessed."""

import pytest
from support import write_processed

from sightline.layout import Layout


@pytest.fixture
def layout(tmp_path) -> Layout:
    write_processed(Layout(tmp_path).processed("bars").path)
    return Layout(tmp_path)
