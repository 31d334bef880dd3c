"""Training on a worker elsewhere: two clones, one git origin, one DVC remote, no more shared."""

import pytest
from toy_project import STAGES, Workspace, wait_until

from sightline.layout import main_root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def clones(blank, tmp_path):
    """The coordinator's clone, and that of the worker."""
    origin = blank.copy_to(tmp_path / "origin")
    origin.shell("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    origin.commit()
    for name in ("coordinator", "elsewhere"):
        origin.shell("git", "clone", "--quiet", str(origin.root), str(tmp_path / name))
    return Workspace(tmp_path / "coordinator"), Workspace(tmp_path / "elsewhere")


def test_every_stage_runs_once_and_both_have_the_same_lock(clones, reproduce, server):
    coordinator, elsewhere = clones
    server.deploy(coordinator)
    with server.worker(elsewhere, pool="gpu"):
        from flows.gpu_pool import has_worker

        wait_until(has_worker, "the worker's first heartbeat")
        state, run = reproduce(coordinator)
        assert state.message == "10 stages: 10 ran"
        trained = ["train@x", "train@y"]
        assert elsewhere.executed() == trained
        assert coordinator.executed() == sorted(set(STAGES) - set(trained))
        table = server.artifact(run)
        assert "Training goes to pool gpu, at commit" in table
        assert "| pool gpu |" in table
        assert same_lock(coordinator, elsewhere)

        for clone in clones:
            clone.forget()
        state, run = reproduce(coordinator, overrides=["recipes.x.epochs=5"])
        assert state.message == "10 stages: 3 ran, 7 up to date"
        assert elsewhere.executed() == ["train@x"]
        assert coordinator.executed() == ["export@x", "log@x"]
        (name,) = coordinator.shell("dvc", "exp", "list", "--name-only").split()
        coordinator.shell("dvc", "exp", "apply", name)
        elsewhere.params(lambda params: params["recipes"]["x"].update(epochs=5))
        assert same_lock(coordinator, elsewhere)

        for clone in clones:
            clone.forget()
        elsewhere.demand("train@x", add="trained anew")
        state, _ = reproduce(coordinator, "train@x", force=True)
        assert "train@x" in elsewhere.executed() and "train@x" not in coordinator.executed()
        assert (coordinator.root / "models/x/weights.pt").read_text().endswith("trained anew")

        for clone in clones:
            clone.forget()
        elsewhere.demand("train@y", fail="1")
        state, run = reproduce(coordinator, "train@y", force=True)
        assert state.is_failed()
        assert "train@y: in pool gpu: train@y was told to fail" in state.message
        assert elsewhere.executed() == ["train@y"], "a training that fails is not tried again"
    assert list((main_root(elsewhere.root) / ".sightline/worktrees").iterdir()) == []


def same_lock(coordinator: Workspace, elsewhere: Workspace) -> bool:
    """Whether the worker's clone, brought up to date from the remote, has the same dvc.lock."""
    before = elsewhere.executed()
    coordinator.shell("dvc", "push", "--quiet", "--run-cache")
    elsewhere.shell("dvc", "pull", "--quiet", "--run-cache", "--allow-missing")
    elsewhere.shell("dvc", "repro", "--quiet", "--pull")
    assert elsewhere.executed() == before, "the worker's clone restores, and computes nothing"
    return coordinator.locked() == elsewhere.locked()


def test_a_worker_in_the_same_workspace_needs_no_remote(toy, reproduce, server):
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    toy.commit()
    server.deploy(toy)
    with server.worker(toy, pool="gpu"):
        from flows.gpu_pool import has_worker

        wait_until(has_worker, "the worker's first heartbeat")
        state, run = reproduce(toy)
    assert state.message == "10 stages: 3 ran, 7 up to date"
    assert toy.executed() == ["export@x", "log@x", "train@x"]
    assert "| pool gpu |" in server.artifact(run)


def test_training_stays_here_aloud_where_the_worker_could_not_see_the_code(toy, reproduce, server):
    (toy.root / "toy.py").write_text((toy.root / "toy.py").read_text() + "# changed\n")
    toy.params(lambda params: params["recipes"]["x"].update(epochs=2))
    server.deploy(toy)
    with server.worker(toy, pool="gpu"):
        from flows.gpu_pool import has_worker

        wait_until(has_worker, "the worker's first heartbeat")
        state, run = reproduce(toy)
    assert state.is_completed()
    assert "Training runs here, not in pool gpu" in server.artifact(run)
    assert "not committed (toy.py)" in server.artifact(run)
