"""The results of a model: their digests are those that dvc writes into dvc.lock."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from results import make_results

from sightline.errors import SightlineError
from sightline.layout import Layout
from sightline.tracking import locked_results
from sightline.tracking.locked_results import dvc_md5

ROOT = Path(__file__).parents[2]


@pytest.mark.faults
@pytest.mark.parametrize("text", ["", "schema: '2.0'\n", "schema: '2.0'\nstages:\n", "a: [", "[]"])
def test_a_damaged_dvc_lock_is_one_line_with_the_way_out(tmp_path, text):
    layout = make_results(tmp_path)
    layout.lock.write_text(text)
    with pytest.raises(SightlineError, match=r"dvc.lock is damaged \(.*delete it and run again"):
        locked_results.read_all(layout)


@pytest.mark.faults
def test_a_dvc_lock_that_was_cut_off_in_the_writing_gives_no_results(tmp_path):
    layout = make_results(tmp_path)
    text = layout.lock.read_text()
    last = text.index("train@mnist-cnn")
    complete = locked_results.read("mnist-cnn", layout).fingerprint
    message = "dvc.lock (is damaged|does not hold all stages)|is not what dvc.lock names"
    for end in range(last, len(text), 5):
        layout.lock.write_text(text[:end])
        try:
            cut = locked_results.read("mnist-cnn", layout)
            cut.check()
        except SightlineError as error:
            assert re.search(message, str(error)), text[:end]
        else:
            assert cut.fingerprint == complete, text[:end]


def test_the_outs_of_a_model_are_those_of_its_stages():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage, outs in Layout("").outs("${key}").items():
        declared = stages[stage]["do"]
        paths = {path for kind in ("outs", "metrics", "plots") for path in declared.get(kind, ())}
        assert paths == {str(path) for path in outs}, stage


def test_a_folders_md5_is_dvcs(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    # names that sort differently as text and as parts of a path
    for name in ("b.png", "a.png", "deep/c.png", "deep.png"):
        (folder / name).write_text(name)
    dvc = str(Path(sys.executable).parent / "dvc")
    for command in (["init", "--no-scm", "-q"], ["add", "-q", "pictures"]):
        subprocess.run([dvc, *command], cwd=tmp_path, check=True)
    (out,) = yaml.safe_load((tmp_path / "pictures.dvc").read_text())["outs"]
    assert dvc_md5(folder) == out["md5"]
