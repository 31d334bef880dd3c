"""What `make gpu` needs, for a machine without network: `make gpu-bundle`.

    make gpu-bundle                                  # after `sightline repro preprocess`
    cat gpu-bundle/piece.* | tar -xz -C FOLDER       # there; then in FOLDER:
    make gpu PYTHON=python3

The pieces, of at most 60 MiB each, hold the code, the packages that a Python 3.12 with torch 2.11
or newer, numpy, PyYAML and filelock lacks (those of requirements.lock, checked by their hashes),
and data: all of CIFAR-10's train split, and photographs of ImageNet. Of the
workspace's data: what is drawn stays drawn, and its note says so. `--data-only` makes the data
alone, where `make gpu` of the same machine looks for it.
"""

import argparse
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).parents[2]
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "scripts")]

from sightline.data import arrays  # noqa: E402
from sightline.data.preprocess import preprocess  # noqa: E402
from sightline.errors import SightlineError  # noqa: E402
from sightline.files import write_json  # noqa: E402
from sightline.layout import SPLITS, Layout, Processed  # noqa: E402
from sightline.settings import params  # noqa: E402

DATA = Layout(PROJECT / ".sightline" / "gpu")
PIXELS = 192  # of the shorter side of stored photographs
PHOTOS = {"train": 512, "val": 64, "test": 64}
PIECE = 60 << 20  # bytes
# besides torch and what torch brings; pytest's own from `pygments` on
PACKAGES = (
    *("annotated-types", "pydantic", "pydantic-core", "typing-extensions", "typing-inspection"),
    *("pillow", "ruamel-yaml", "tqdm", "psutil"),
    *("pygments", "packaging", "pluggy", "iniconfig", "pytest", "pytest-timeout"),
)
CODE = ("src", "scripts", "tests", "flows", "data", "params.yaml", "dvc.yaml", "Makefile")
CODE += ("pyproject.toml",)


def main() -> int:
    """Make the data, then the pieces."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, default=PROJECT / "gpu-bundle")
    options.add_argument("--python", default="3.12", help="of the other machine")
    options.add_argument("--data-only", action="store_true")
    arguments = options.parse_args()
    make_data(Layout())
    if arguments.data_only:
        return 0
    packages = arguments.out / "packages"
    shutil.rmtree(arguments.out, ignore_errors=True)
    packages.mkdir(parents=True)
    install(packages, arguments.python)
    pieces = write_pieces(arguments.out, packages)
    shutil.rmtree(packages)
    for name, digest in pieces.items():
        print(f"{digest}  {arguments.out / name}")
    print(
        f"\nThere: cat {arguments.out.name}/piece.* | tar -xz -C FOLDER && cd FOLDER && "
        "make gpu PYTHON=python3"
    )
    return 0


def make_data(workspace: Layout) -> None:
    """Make the arrays that the parts read, where they are missing.

    Raises SightlineError where the workspace's data is missing.
    """
    for dataset in ("cifar10", "imagenet"):
        if not workspace.raw(dataset).source.exists():
            raise SightlineError(
                f"{workspace.raw(dataset).path} is missing: `sightline repro download` fetches "
                "what params.yaml names"
            )
    settings = params.load(workspace).datasets
    cifar10 = DATA.processed("cifar10")
    if not cifar10.meta.exists():
        preprocess(workspace.raw("cifar10"), cifar10, replace(settings["cifar10"], val_size=0.0))
    photos = DATA.processed("photos")
    if not photos.meta.exists():
        complete = Processed(photos.path.with_name(".photos"))
        chosen = replace(settings["imagenet"], image_size=PIXELS, longer_side=1.333)
        preprocess(workspace.raw("imagenet"), complete, chosen)
        shorten(complete, photos)
        shutil.rmtree(complete.path)


def shorten(complete: Processed, photos: Processed) -> None:
    """Keep PHOTOS images of each split, drawn from seed 0."""
    meta = arrays.load_meta(complete)
    photos.path.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        images, labels = arrays.load_split(complete, split)
        rows = np.random.default_rng(0).permutation(len(labels))[: PHOTOS[split]]
        np.save(photos.images(split), images[rows])
        np.save(photos.labels(split), labels[rows])
        if (extents := arrays.load_extents(complete, split)) is not None:
            np.save(photos.extents(split), extents[rows])
        meta["counts"][split] = len(rows)
    write_json(photos.meta, meta | {"dataset": photos.path.name})


def install(packages: Path, python: str) -> None:
    """Install PACKAGES of requirements.lock into a folder, for another Python on Linux, x86-64."""
    locked = (PROJECT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", locked)
    wanted = [entry for entry in entries if re.split("[=;[ ]", entry)[0] in PACKAGES]
    subprocess.run(
        [
            *("uv", "pip", "install", "--quiet", "--target", packages, "--no-deps"),
            *("--python-version", python, "--python-platform", "x86_64-manylinux_2_28"),
            *("--only-binary", ":all:", "--require-hashes", "-r", "-"),
        ],
        input="\n".join(wanted) + "\n",
        text=True,
        check=True,
    )


def write_pieces(out: Path, packages: Path) -> dict[str, str]:
    """Write the archive in pieces; return their names and SHA-256."""
    digests = {}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
        for path in code():
            tar.add(path, path.relative_to(PROJECT))
        tar.add(packages, "gpu-packages")
        data = DATA.processed("x").path.parent
        tar.add(data, data.relative_to(PROJECT))
    complete = archive.getbuffer()
    for number, start in enumerate(range(0, len(complete), PIECE)):
        name = f"piece.{number:02}"
        (out / name).write_bytes(complete[start : start + PIECE])
        digests[name] = hashlib.sha256(complete[start : start + PIECE]).hexdigest()
    return digests


def code() -> Iterator[Path]:
    """Yield the files of the code, those that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", *CODE], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    yield from (PROJECT / line for line in listed.stdout.splitlines())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SightlineError as error:
        sys.exit(f"gpu-bundle: {error}")
