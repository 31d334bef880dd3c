"""The Makefile's recipes, run by the real make on programs that end as they are told."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def program(path: Path, lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess:
    """Run make in `folder`, whose bin/ comes first on the path."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    # the make that runs these tests would print its folders in this one too
    outside = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", "--silent", *arguments, f"PYTHON={sys.executable}"],
        cwd=folder,
        env=outside | {"PATH": path} | env,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose environment has been made: .venv is real, nothing is installed into it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "scripts/environment.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / ".git").mkdir()
    (folder / ".dvc").mkdir()
    program(folder / "bin" / "uv", 'echo "$@" >> uv.log')
    done = make(folder, "env")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("making .venv")
    return folder


@pytest.mark.faults
def test_the_environment_is_made_once_and_follows_its_lock(project):
    log = project / "uv.log"
    packages, itself = log.read_text().splitlines()
    assert "--require-hashes" in packages and packages.endswith("requirements.lock")
    assert "--editable" in itself
    assert make(project, "env").stdout == ""
    assert len(log.read_text().splitlines()) == 2  # nothing to do
    with (project / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert make(project, "env").stdout == ""  # no new .venv
    assert len(log.read_text().splitlines()) == 4


@pytest.mark.faults
def test_another_build_of_torch_comes_without_the_locks_files_of_torch(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy", symlinks=True)
    (copy / "uv.log").unlink()
    program(
        copy / "bin" / "uv",
        'echo "$@" >> uv.log\nfor last; do :; done\ncat "$last" >> listed 2>/dev/null; true',
    )
    assert make(copy, "env", TORCH="cpu").returncode == 0
    packages, torch, itself = (copy / "uv.log").read_text().splitlines()
    assert "--require-hashes" in packages and "--editable" in itself
    assert torch.endswith("--torch-backend cpu torch==2.14.1 torchvision==0.29.1")
    listed = re.findall(r"^([a-z][\w.-]*)==", (copy / "listed").read_text(), re.MULTILINE)
    assert {"numpy", "dvc", "onnxruntime"} <= set(listed)
    assert not [name for name in listed if name.startswith(("nvidia", "triton", "torch"))]
    assert make(copy, "env", TORCH="cpu").stdout == ""  # nothing to do
    program(copy / "bin" / "uv", "exit 1")
    done = make(copy, "env", TORCH="cu130")
    assert done.returncode != 0 and "TORCH=cu130: see above; `make env` without" in done.stderr


DAMAGES = {
    "lost its Python": lambda venv: lose_python(venv),
    "does not start": lambda venv: program(venv / "bin" / "python", "exit 1"),
    "is of Python 3.9": lambda venv: program(venv / "bin" / "python", "echo 3 9 True"),
    "has no pip": lambda venv: shutil.rmtree(next(venv.glob("lib/*/site-packages/pip"))),
    "never finished": lambda venv: (venv / ".made").unlink(),
}


def lose_python(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nowhere/python3")


@pytest.mark.parametrize("fault", DAMAGES)
def test_what_is_wrong_with_an_environment_is_named(project, tmp_path, fault):
    copy = shutil.copytree(project, tmp_path / "copy", symlinks=True)
    made = copy / ".venv" / ".made"
    made.write_text(made.read_text().replace(str(project), str(copy)))
    environment = runpy.run_path(str(copy / "scripts" / "environment.py"))
    wanted = environment["wanted"]()
    assert environment["find_fault"](environment["read_made"](), wanted) is None
    DAMAGES[fault](copy / ".venv")
    assert fault in environment["find_fault"](environment["read_made"](), wanted)


@pytest.mark.faults
def test_without_git_dvc_does_without_it_too(project, tmp_path):
    for name in ("scripts/environment.py", "requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    agree_on_git = runpy.run_path(str(tmp_path / "scripts" / "environment.py"))["agree_on_git"]
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm"], cwd=tmp_path)
    (tmp_path / ".dvc" / "config").write_text("")  # as it comes in an archive
    status = [sys.executable, "-m", "dvc", "status"]
    assert subprocess.run(status, cwd=tmp_path, capture_output=True).returncode != 0
    agree_on_git()
    assert subprocess.run(status, cwd=tmp_path, capture_output=True).returncode == 0
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    agree_on_git()
    assert not (tmp_path / ".dvc" / "config.local").exists()


def test_an_environment_that_was_moved_is_made_anew(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy", symlinks=True)
    (copy / ".venv" / "old").touch()
    done = make(copy, "env")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == f".venv was made in {project} and moved here: .venv is made anew"
    assert second.startswith("making .venv")
    assert not (copy / ".venv" / "old").exists()
    assert make(copy, "env").stdout == ""


@pytest.mark.parametrize("fails", ["", "repro", "log", "compare", "validate"])
def test_run_ends_as_its_worst_part_and_prints_the_table_all_the_same(project, fails):
    program(project / ".venv" / "bin" / "sightline", 'echo "$1"\ntest "$1" != "$FAILS"')
    done = make(project, "run", FAILS=fails)
    parts = ["validate"] if fails == "validate" else ["validate", "repro", "log", "compare"]
    assert done.stdout.split() == parts, done.stderr
    assert (done.returncode == 0) == (fails == ""), done.stderr


def test_help_names_every_target():
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split()
    done = make(ROOT, "help")
    assert [line.split()[1] for line in done.stdout.splitlines()] == targets
