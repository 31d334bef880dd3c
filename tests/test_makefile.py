"""The Makefile's recipes, run by the real make on programs that end as they are told."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("fails", ["", "dvc", "log", "compare", "validate"])
def test_run_ends_as_its_worst_part_and_prints_the_table_all_the_same(tmp_path, fails):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, part in (("dvc", "dvc"), ("sightline", "$1")):
        (programs / name).write_text(f'#!/bin/sh\necho "{part}"\ntest "{part}" != "{fails}"\n')
        (programs / name).chmod(0o755)
    (tmp_path / ".venv" / ".made").touch()  # newer than what it is made from
    os.utime(tmp_path / "pyproject.toml", (0, 0))
    os.utime(tmp_path / "constraints.txt", (0, 0))
    done = subprocess.run(["make", "--silent", "run"], cwd=tmp_path, capture_output=True, text=True)
    parts = ["validate"] if fails == "validate" else ["validate", "dvc", "log", "compare"]
    assert done.stdout.split() == parts, done.stderr
    assert (done.returncode == 0) == (fails == ""), done.stderr
