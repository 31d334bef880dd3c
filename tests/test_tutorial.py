"""docs/tutorial.md: each of its commands prints what stands below it. byexample runs the page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = "docs/tutorial.md"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_command_prints_what_the_page_says(tmp_path):
    clone = tmp_path / "sightline"
    bin_ = Path(sys.executable).parent
    for command in (
        ["git", "clone", "--quiet", ROOT, clone],
        ["git", "-C", clone, "checkout", "--quiet", "-B", "main"],
        ["git", "-C", clone, "config", "user.name", "A Test"],
        ["git", "-C", clone, "config", "user.email", "test@example.invalid"],
    ):
        subprocess.run(command, check=True)
    shutil.copy(ROOT / "docs" / "tutorial.md", clone / "docs")  # as it stands, committed or not
    subprocess.run(["git", "-C", clone, "add", "docs"], check=True)
    subprocess.run(["git", "-C", clone, "commit", "--quiet", "--allow-empty", "-m", "The page"])
    env = os.environ | {
        "PATH": os.pathsep.join([str(bin_), os.environ["PATH"]]),
        "PYTHONPATH": str(clone / "src"),
        "COLUMNS": "120",
        "GIT_PAGER": "cat",
    }
    done = subprocess.run(
        [
            bin_ / "byexample",
            "-l",
            "shell",
            "--pretty",
            "none",
            "--options",
            "+norm-ws +timeout=900",
            PAGE,
        ],
        **{"cwd": clone, "env": env, "capture_output": True, "text": True, "timeout": 1800},
    )
    assert done.returncode == 0, done.stdout + done.stderr
