"""The record of a model: its digests are those that dvc writes into dvc.lock."""

import subprocess
import sys
from pathlib import Path

import yaml

from sightline.tracking.record import dvc_md5


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
