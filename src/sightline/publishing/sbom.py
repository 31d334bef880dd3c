"""sbom.cdx.json: the packages of the environment, as CycloneDX 1.6 has them (ECMA-424).

Without a time and with a serial number that comes from the content: equal environments and equal
models give equal bytes.
"""

import hashlib
import json
import platform
import re
import uuid
from importlib.metadata import distributions
from typing import Any
from urllib.parse import quote

from sightline.errors import SightlineError
from sightline.files import read_json
from sightline.layout import PublishedFiles

_EXPORTERS = ("sightline", "torch", "onnx")  # what the file's metadata names the versions of


def sbom(files: PublishedFiles, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the content of sbom.cdx.json: every package that is installed here.

    `metadata` is that of the ONNX file. Raises SightlineError where the file was written by other
    versions than those here: the list would not be of the environment that made it.
    """
    installed = _packages()
    for name in _EXPORTERS:
        version, here = metadata["versions"][name], installed[name]["version"]
        if here != version:
            raise SightlineError(
                f"{metadata['name']} is not published: it was exported with {name} {version}, here "
                f"is {here}: run `dvc repro --force --single-item export@{metadata['name']}`"
            )
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": metadata["name"],
        "hashes": [{"alg": "SHA-256", "content": _sha256(files)}],
    }
    python = {
        "type": "platform",
        "bom-ref": "python",
        "name": platform.python_implementation(),
        "version": platform.python_version(),
    }
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": model},
        "components": [python, *(installed[name] for name in sorted(installed))],
    }
    return {**content, "serialNumber": _serial_number(content)}


def check_sbom(files: PublishedFiles) -> str:
    """Return a line about sbom.cdx.json; SightlineError where it was changed or is of another
    model.
    """
    again = f"fetch {files.path} again"
    content = read_json(files.sbom, again, "bomFormat", "serialNumber", "metadata", "components")
    rest = {key: value for key, value in content.items() if key != "serialNumber"}
    hashes = [{"alg": "SHA-256", "content": _sha256(files)}]
    if content["serialNumber"] != _serial_number(rest):
        raise SightlineError(f"{files.sbom} was changed: its serial number is another's: {again}")
    if content["metadata"]["component"]["hashes"] != hashes:
        raise SightlineError(f"{files.sbom} is of another model than {files.onnx.name}: {again}")
    packages = [part for part in content["components"] if part["type"] == "library"]
    return f"{files.sbom.name} of this model: {len(packages)} packages"


def _packages() -> dict[str, dict[str, Any]]:
    """Return a component for each installed package, by its name in the index's form."""
    components: dict[str, dict[str, Any]] = {}
    for package in distributions():
        name = re.sub(r"[-_.]+", "-", package.name).lower()
        address = f"pkg:pypi/{name}@{quote(package.version)}"
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": address,
            "name": name,
            "version": package.version,
            "purl": address,
        }
        if "License-Expression" in package.metadata:
            component["licenses"] = [{"expression": package.metadata["License-Expression"]}]
        components.setdefault(name, component)  # the first on the path is the one imported
    return components


def _serial_number(content: dict[str, Any]) -> str:
    return uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content, sort_keys=True)).urn


def _sha256(files: PublishedFiles) -> str:
    return hashlib.sha256(files.onnx.read_bytes()).hexdigest()
