"""The coordinator's side of the gpu pool: a server that fails for a moment, runs called off."""

import contextlib
import http.server
import signal
import threading
import time
from types import SimpleNamespace

import httpx
import pytest
from toy_project import Workspace

from sightline.errors import SightlineError
from sightline.pipeline import graph
from sightline.pipeline.run import Run
from sightline.pipeline.schedule import Outcome

STAGE = {"name": "train@x", "commit": "0" * 40, "params_text": "", "lock": {}}


@pytest.fixture
def deployed(prefect, server, blank) -> Workspace:
    server.deploy(blank)
    return blank


def states(server) -> list[str]:
    """How the runs of `stage` stand, the newest first."""
    runs = server.post(
        "/flow_runs/filter", flows={"name": {"any_": ["stage"]}}, sort="EXPECTED_START_TIME_DESC"
    )
    return [run["state"]["type"] for run in runs]


@pytest.fixture
def failing_server(server):
    """The address of the server, through a proxy that answers the first look at a run with 500."""
    failures = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def forward(self):
            if self.command == "GET" and self.path.startswith("/api/flow_runs/") and not failures:
                failures.append(self.path)
                self.send_error(500)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
            url = f"http://127.0.0.1:{server.port}{self.path}"
            answer = httpx.request(self.command, url, content=body, headers=headers, timeout=60)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = do_PUT = forward

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}/api", failures
    listener.shutdown()


def test_a_server_that_fails_once_is_asked_again(deployed, server, failing_server):
    """No worker serves the pool: the second look tells that nobody comes for the run."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows import gpu_pool

    url, failures = failing_server
    with temporary_settings({PREFECT_API_URL: url}):
        assert gpu_pool.run_on_worker(STAGE, lambda: False) is None
    assert len(failures) == 1
    assert states(server)[0] in ("CANCELLED", "CANCELLING")


def test_a_run_that_nobody_waits_for_any_more_is_cancelled(deployed, server):
    from flows import gpu_pool

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gpu_pool.run_on_worker(STAGE, interrupted)
    assert states(server)[0] in ("CANCELLED", "CANCELLING")


@pytest.mark.faults
def test_trainings_that_no_worker_takes_wait_for_room_here(tmp_path):
    names = [f"train@{letter}" for letter in "xyz"]
    settings = SimpleNamespace(
        flows=SimpleNamespace(cpu_slots=2),
        compute=SimpleNamespace(device="cpu", processes=1, threads=1),
    )
    stages = {name: graph.Stage(name, (), ()) for name in names}
    run = Run(tmp_path, settings, None, stages, elsewhere=True)
    asked, spans = threading.Barrier(3), []

    def training(name: str) -> None:
        asked.wait(10)  # all three wait for a worker at once: they take no room here
        run.wait_for_room_to_train(name)
        began = time.monotonic()
        time.sleep(0.2)
        spans.append((began, time.monotonic()))
        run.ended(name, Outcome("ran", 0.2))

    run.to_the_end(
        lambda name: threading.Thread(target=training, args=(name,)).start(), lambda *_: None
    )
    assert len(spans) == 3
    together = [sum(began <= start < ended for began, ended in spans) for start, _ in spans]
    assert max(together) == 2, "three trainings, two slots"


@pytest.mark.faults
def test_a_training_that_waits_for_room_does_not_outlive_a_cancelled_run(tmp_path):
    settings = SimpleNamespace(
        flows=SimpleNamespace(cpu_slots=1),
        compute=SimpleNamespace(device="cpu", processes=1, threads=1),
    )
    stages = {name: graph.Stage(name, (), ()) for name in ("train@x", "train@y")}
    run, threads = Run(tmp_path, settings, None, stages, elsewhere=True), []
    asked = threading.Barrier(2)

    def training(name: str) -> None:
        asked.wait(10)
        with contextlib.suppress(SightlineError):
            run.wait_for_room_to_train(name)  # the first has the only room, the other waits on
            run.ended(name, Outcome("ran", 0.1))

    def start(name: str) -> None:
        threads.append(threading.Thread(target=training, args=(name,), daemon=True))
        threads[-1].start()

    def cancel(name: str, outcome: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.to_the_end(start, cancel)
    for thread in threads:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("tail", "status", "cause"),
    [
        (["step 168, val 0.95", "ERROR: failed to reproduce 'train@x': failed to run: python -m t, "
          "exited with -9"], 1, "ended by SIGKILL: the machine may be out of memory"),
        (["step 168, val 0.95"], 137, "ended by SIGKILL: the machine may be out of memory"),
        (["step 168, val 0.95"], -signal.SIGTERM, "ended by SIGTERM"),
        (["Traceback ..", "ValueError: no such file"], 1, "ValueError: no such file"),
        (["sightline: no data", "ERROR: failed to reproduce 't': failed to run: t, exited with 1"],
         1, "no data"),
    ],
)  # fmt: skip
def test_figures_of_a_training_are_no_cause(prefect, tail, status, cause):
    from flows import outcome
    from sightline.host.processes import Result

    assert outcome.cause(Result(status, tail, False, 1.0)) == cause
