"""requirements.lock, which `make lock` writes, is what pyproject.toml asks for, with hashes."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sources import ROOT, check

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(
    r"^([\w.-]+)==(\S+)(?: ;.*)? \\\n((?:    --hash=sha256:\w{64}.*\n)+)", re.MULTILINE
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def asked() -> list[Requirement]:
    """Return all that pyproject.toml asks for: the package, its extras, the groups."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    groups = PROJECT["dependency-groups"].values()
    lists = [PROJECT["project"]["dependencies"], *extras, *groups]
    return [Requirement(line) for lines in lists for line in lines]


def test_the_lock_holds_what_pyproject_asks_for():
    locked = {name: version for name, version, _ in ENTRY.findall(LOCK)}
    faults = []
    for requirement in asked():
        version = locked.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            faults.append(f"{requirement}: requirements.lock has {version}: run `make lock`")
    check(faults)


def test_every_package_has_hashes_and_none_an_address():
    pinned = re.findall(r"^[\w.-]+==", LOCK, re.MULTILINE)
    assert len(pinned) > 200
    assert len(ENTRY.findall(LOCK)) == len(pinned)
    check(line for line in LOCK.splitlines() if "://" in line or "--index" in line or " @ " in line)
