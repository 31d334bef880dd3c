"""One reproduced workspace for all tests of the pipeline."""

import pytest
from workspace import Workspace, copy_project


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory) -> Workspace:
    """A workspace in which everything has run once; tests must leave it as they found it."""
    workspace = copy_project(tmp_path_factory.mktemp("reproduced"))
    workspace.first_run = workspace.repro()
    workspace.run("git", "add", "dvc.lock")
    workspace.run("git", "commit", "--quiet", "--message", "the first run")
    return workspace


@pytest.fixture
def workspace(reproduced) -> Workspace:
    """The same, put back after the test: tracked files, and what belongs to them."""
    yield reproduced
    reproduced.run("git", "reset", "--quiet", "--hard", "HEAD")
    reproduced.run("dvc", "checkout", "--quiet", "--force")
