"""What a person reads on the command line when something is wrong: one line, no traceback."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import PROJECT, change, copy_settings, write_workspace

from sightline.cli import main
from sightline.report import compare

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
        line = lines[lines.index(f"{command} ends with 1") - 1]
        assert line.startswith("sightline: a disk that is written to") and "File too large" in line


@pytest.mark.faults
def test_a_copy_of_the_project_runs_its_own_code(tmp_path):
    copy_settings(tmp_path)
    shutil.copytree(PROJECT / "src", tmp_path / "src")
    checks = tmp_path / "src" / "sightline" / "models" / "check.py"
    checks.write_text("raise SystemExit('the code of the copy')\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program = Path(sys.executable).parent / "sightline"
    done = subprocess.run(
        [program, "validate"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "the code of the copy\n")


def test_an_unknown_model_gets_the_nearest_name(tmp_path, monkeypatch, capsys):
    copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["train", "mnist-cn"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sightline: no model 'mnist-cn'")
    assert "did you mean 'mnist-cnn'?" in line


@pytest.mark.faults
@pytest.mark.parametrize("in_a_project", [True, False])
def test_an_error_that_nobody_foresaw_is_a_line_too(tmp_path, monkeypatch, capsys, in_a_project):
    def fails(layout):
        raise RuntimeError("broken\nat http://me:s3cret@host")

    monkeypatch.setattr(compare, "compare", fails)
    monkeypatch.chdir(tmp_path)
    if in_a_project:
        copy_settings(tmp_path)
    assert main(["compare"]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("sightline: RuntimeError: broken at http://***@host: ")
    assert output.err.count("\n") == 1 and output.out == ""
    file = Path(".sightline/errors/compare.txt")
    assert file.exists() == (str(file) in output.err) == in_a_project
    assert ("SIGHTLINE_DEBUG=1" in output.err) != in_a_project
    if in_a_project:
        assert "in fails" in file.read_text() and "s3cret" not in file.read_text()
    monkeypatch.setenv("SIGHTLINE_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["compare"])


def test_validate_says_what_it_checked_or_what_is_wrong(tmp_path, monkeypatch, capsys):
    layout = copy_settings(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["validate"]) == 0
    assert "16 models" in capsys.readouterr().out
    change(layout, "models.mnist-cnn.task", "next-row")
    for command in (["validate"], ["train", "mnist-cnn"]):
        assert main(command) == 1
        assert "models.mnist-cnn: cnn with recipe cnn-4 cannot do" in capsys.readouterr().err
    change(layout, "datasets.flowers", {"image_size": 8, "channels": 3, "val_size": 0.1})
    assert main(["validate"]) == 1
    assert "no dataset 'flowers' in this catalogue" in capsys.readouterr().err


def shell(line: str, folder: Path, unbuffered: str = "") -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `sightline` is ours; the status is that of its first command."""
    start = f'sightline() {{ {shlex.quote(sys.executable)} -m sightline.cli "$@"; }}\n'
    line = f"{start}{line}\nexit ${{PIPESTATUS[0]}}"
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.faults
def test_settings_that_passed_once_are_not_checked_again(tmp_path):
    layout = copy_settings(tmp_path)
    script = "import sys; from sightline.cli import main; "
    script += "sys.exit(main(['validate']) or ('torch' in sys.modules and 5))"
    command = [sys.executable, "-c", script]

    def status() -> int:
        return subprocess.run(command, cwd=tmp_path, capture_output=True).returncode

    assert [status(), status()] == [5, 0]
    change(layout, "recipes.mlp-6.epochs", 7)
    assert [status(), status()] == [5, 0]
    change(layout, "recipes.mlp-6.network.widths", [0])
    assert [status(), status()] == [1, 1]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_reads_ends_a_command_quietly(tmp_path, unbuffered):
    copy_settings(tmp_path)
    done = shell("sightline validate | true", tmp_path, unbuffered)
    assert (done.returncode, done.stderr) == (141, "")
    done = shell("sightline validate >&-", tmp_path, unbuffered)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.faults
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full device")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_the_output_is_one_line(tmp_path, unbuffered):
    copy_settings(tmp_path)
    done = shell("sightline validate > /dev/full", tmp_path, unbuffered)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "No space left on device" in line
