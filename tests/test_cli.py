"""What a person reads where there is no room: one line, whatever the command."""

import os
import subprocess
import sys

import pytest
from support import PROJECT, write_workspace

COMMANDS = ("train", "evaluate", "insight", "export", "report")
# a write beyond the limit fails as one to a full disk does, and needs no disk of its own
LIMITED = """
import resource, sys
from sightline.cli import main
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
for command in sys.argv[1:]:
    arguments = [command] if command == "report" else [command, "bars-mlp"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, most))
    status = main(arguments)
    print(f"{command} ends with {status}", file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert main(arguments) == 0, command
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and its wording are Linux's")
def test_no_room_is_one_line_and_with_room_it_goes_on(tmp_path):
    recipe = {"epochs": 1, "batch_size": 32, "optimizer": {"name": "adam", "learning_rate": 0.02}}
    recipe["network"] = {"widths": [8]}
    write_workspace(tmp_path, "bars", {"mlp": "short"}, {"short": recipe})
    paths = os.pathsep.join([str(PROJECT / "src"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *COMMANDS],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    for command in COMMANDS:
        said = lines[lines.index(f"{command} ends with 1") - 1]
        assert said.startswith("sightline: a disk that is written to") and "File too large" in said
