"""One Prefect server for the whole session, and toy workspaces, for tests of flows and faults."""

import http.server
import json
import os
import sys
import threading

import pytest
from toy_project import PROJECT, STAGES, Server, Workspace, free_port, make_blank


@pytest.fixture(scope="session")
def blank(tmp_path_factory) -> Workspace:
    """A toy workspace in which nothing ran yet; copy it."""
    return make_blank(tmp_path_factory.mktemp("toy") / "blank")


@pytest.fixture(scope="session")
def finished(blank, tmp_path_factory) -> Workspace:
    """A toy workspace in which everything ran, by plain `dvc repro`; copy it."""
    workspace = blank.copy_to(tmp_path_factory.mktemp("toy") / "finished")
    workspace.shell("dvc", "repro", "--quiet")
    assert workspace.executed() == sorted(STAGES)
    workspace.commit()
    return workspace


@pytest.fixture
def toy(finished, tmp_path) -> Workspace:
    """A workspace of the test's own, in which everything ran."""
    return finished.copy_to(tmp_path / "toy")


@pytest.fixture
def new_toy(blank, tmp_path) -> Workspace:
    """A workspace of the test's own, in which nothing ran yet."""
    return blank.copy_to(tmp_path / "toy")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The session's Prefect server, on a free port of 127.0.0.1, with a home of its own."""
    server = Server(tmp_path_factory.mktemp("prefect"), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def prefect(server):
    """Make this process a client of the session's server, so that flows can be called here."""
    ours = ("PREFECT_", "SIGHTLINE_LOCKS")
    settings = {name: value for name, value in server.env.items() if name.startswith(ours)}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    assert "prefect" not in sys.modules, "prefect was imported before it was told which server"
    sys.path.insert(0, str(PROJECT))
    yield
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def reproduce(prefect, server, monkeypatch):
    """Call the flow in a workspace, in this process; returns (state, id of the flow run)."""

    def call(workspace: Workspace, *targets: str, overrides=(), force=False, name=None):
        from flows.reproduce import reproduce

        monkeypatch.chdir(workspace.root)
        flow = reproduce.with_options(flow_run_name=name)
        state = flow(list(targets), list(overrides), force, return_state=True)
        return state, str(state.state_details.flow_run_id)

    return call


@pytest.fixture
def told(monkeypatch):
    """What is posted to SIGHTLINE_NOTIFY_URL, to a real HTTP server."""
    posts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    monkeypatch.setenv("SIGHTLINE_NOTIFY_URL", f"http://127.0.0.1:{listener.server_port}/")
    yield posts
    listener.shutdown()
