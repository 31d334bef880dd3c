"""What the stages of a shrunken workspace really read is what dvc.yaml says they depend on."""

from importlib.util import source_from_cache
from pathlib import Path

import pytest
import yaml
from workspace import READS

from sightline.stage_code import EXEMPT

CODE = Path("src/sightline")
PARAMS = {Path("params.yaml"), Path("data/catalogues/sample.yaml")}


def files_read(root: Path, stage: str) -> set[Path]:
    """The project's files that a stage opened, seen from its root; code counts as its source."""
    paths = {Path(line) for line in (root / READS / stage).read_text().splitlines()}
    own = {path.relative_to(root) for path in paths if path.is_relative_to(root) and path.is_file()}
    return {Path(source_from_cache(p)) if p.suffix == ".pyc" else p for p in own}


def within(path: Path, places: set[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


@pytest.mark.parametrize(
    "stage",
    [
        *("download@imagenet", "preprocess@mnist", "preprocess@imagenet", "train@mnist-lstm"),
        *("evaluate@mnist-cnn", "insight@mnist-lstm", "export@mnist-cnn", "log@imagenet-lstm"),
    ],
)
def test_a_stage_reads_its_deps_its_params_and_nothing_else(reproduced, stage):
    entry = yaml.safe_load((reproduced.root / "dvc.lock").read_text())["stages"][stage]
    deps, outs = ({Path(file["path"]) for file in entry[part]} for part in ("deps", "outs"))
    exempt = {CODE / name for name in EXEMPT} | {Path(".sightline"), Path(".dvc"), Path(".git")}
    (listed,) = (dep for dep in deps if dep.is_relative_to("data/code"))
    lines = (reproduced.root / listed).read_text().splitlines()
    deps = deps - {listed} | {CODE / line.split("  ")[1] for line in lines}
    if stage.startswith("log@"):  # which compares all outputs with dvc.lock
        exempt |= {Path("dvc.lock")}
    read = {p for p in files_read(reproduced.root, stage) if (reproduced.root / p).stat().st_size}
    with_code = {p for p in read if p.name != "__init__.py" or within(p, deps)}
    assert {p for p in with_code if not within(p, deps | outs | PARAMS | exempt)} == set()
    # these say that a training begins with nothing, and what the catalogue holds of a dataset
    unread = {Path("trained/random"), Path("data/sources/imagenet.json")}
    data = {dep for dep in deps if not dep.is_relative_to(CODE) and dep not in unread}
    assert {dep for dep in data if not any(p.is_relative_to(dep) for p in read)} == set()
