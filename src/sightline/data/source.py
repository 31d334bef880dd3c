"""source.json: what lies in data/raw/DATASET, written by download and read by preprocess."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sightline.errors import SightlineError
from sightline.files import read_json, write_json
from sightline.layout import Raw


def locate(url: str) -> Path:
    """Return the path that a file:// URL of a catalogue leads to.

    In file://${SIGHTLINE_FOLDER}/PATH the environment variable names a folder (relative to the
    current one, or absolute) that PATH must not leave. Raises SightlineError where it does, and
    where the variable is not set.
    """
    quoted = url.removeprefix("file://")
    variable, _, inside = unquote(quoted, errors="surrogateescape").partition("/")
    if not variable:
        return Path("/", inside)
    variable = variable.removeprefix("${").removesuffix("}")
    inside = inside.lstrip("/")
    if not os.environ.get(variable):
        raise SightlineError(
            f"{url}: the environment variable {variable} is not set: "
            f"export {variable}=FOLDER, the folder that holds {inside}"
        )
    # normpath, not resolve(): links that the owner of the folder made in it may lead elsewhere
    folder = os.path.normpath(Path(os.environ[variable]).absolute())
    path = Path(os.path.normpath(f"{folder}/{inside}"))
    if not path.is_relative_to(folder):
        raise SightlineError(f"{url} leads out of {variable}: a catalogue may only read below it")
    return path


def write(raw: Raw, description: dict[str, Any], files: list[dict[str, Any]]) -> None:
    """Write source.json, the last file of a download: without it the folder is not whole."""
    write_json(raw.source, {**description, "files": files})


def read(raw: Raw, stage: str = "download") -> tuple[dict[str, Any], dict[str, Path]]:
    """Return the description in source.json, and the path of each file by its role.

    Raises SightlineError where the download is not whole: no source.json, a file that is missing or
    has another size.
    """
    again = f"run `dvc repro --force {stage}@{raw.name}`"
    description = read_json(raw.source, f"the download is not whole: {again}")
    paths = {}
    for file in description["files"]:
        path = locate(file["url"]) if "url" in file else raw.path / file["name"]
        if not path.is_file():
            raise SightlineError(f"{path} is missing: {again}")
        if path.stat().st_size != file["size"]:
            raise SightlineError(
                f"{path} has {path.stat().st_size} bytes, {raw.source} says {file['size']}: {again}"
            )
        paths[file["role"]] = path
    return description, paths
