"""One reproduced workspace for all tests of the pipeline."""

from pathlib import Path

import pytest
from workspace import READS, Workspace, copy_project


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Workspace:
    """A workspace in which everything has run once; tests must leave it as they found it."""
    workspace = copy_project(tmp_path_factory.mktemp("reproduced"))
    reads = workspace.root / READS
    reads.mkdir(parents=True)
    plain = workspace.environment
    audit = Path(__file__).parent / "audit"
    audited = {"PYTHONPATH": str(audit), "SIGHTLINE_READS": str(reads)}
    workspace.environment = plain | audited
    workspace.first_run = workspace.repro()
    workspace.environment = plain
    workspace.run("git", "add", "dvc.lock")
    workspace.run("git", "commit", "--quiet", "--message", "the first run")
    return workspace


@pytest.fixture
def workspace(reproduced) -> Workspace:
    """The same, put back after the test: tracked files, and what belongs to them."""
    yield reproduced
    reproduced.run("git", "reset", "--quiet", "--hard", "HEAD")
    reproduced.run("dvc", "checkout", "--quiet", "--force")
