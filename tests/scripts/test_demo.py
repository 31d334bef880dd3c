"""`make demo`, in a copy of the project."""

import re
import sys
from pathlib import Path

import pytest
from workspace import copy_project


@pytest.mark.slow
def test_a_model_is_trained_and_answers_and_its_pictures_are_named(tmp_path):
    workspace = copy_project(tmp_path)
    printed = workspace.run(sys.executable, "scripts/demo.py")
    assert len(re.findall(r"-is-\d\.png: \d [\d.]+%", printed)) == 5
    pictures = re.findall(r"file://(\S+)", printed)
    assert pictures and all(Path(p).read_bytes()[1:4] == b"PNG" for p in pictures)
