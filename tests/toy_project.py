"""What tests of flows build on: a real Prefect server, and toy projects that flows run in."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import httpx
import psutil
import yaml

from flows.services import lifecycle, processes
from flows.services.environment import environment, worker_environment

PROJECT = Path(__file__).parents[1]
TOY = PROJECT / "tests" / "flows" / "toy"
STAGES = [f"{kind}@{item}" for kind in ("download", "preprocess") for item in "ab"]
STAGES += [f"{kind}@{item}" for kind in ("train", "export", "log") for item in "xy"]
CHAIN = {  # one stage of each kind, each needing the one before
    "download": "download@a",
    "preprocess": "preprocess@a",
    "train": "train@x",
    "export": "export@x",
    "log": "log@x",
}
PATIENCE = 400  # seconds that a test waits for something on a machine that others use too


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(true, what: str, patience: float = PATIENCE):
    """Return what `true()` returns as soon as that is true; fail after `patience` seconds."""
    until = time.monotonic() + patience
    while not (answer := true()):
        assert time.monotonic() < until, f"after {patience} s still not: {what}"
        time.sleep(0.2)
    return answer


class Server:
    """A running Prefect server: the environment of its clients, and its API."""

    def __init__(self, root: Path, port: int):
        self.root, self.port = root, port
        self.env = environment(root, port) | {
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "SIGHTLINE_LOCKS": str(root),  # else a benchmark elsewhere on this machine holds us up
        }
        self.api = httpx.Client(base_url=self.env["PREFECT_API_URL"], timeout=60)

    def ask(self, method: str, path: str, body=None):
        """Ask the API, again where its SQLite was busy (503), as Prefect's own client does."""
        for _ in range(30):
            headers = {} if method == "GET" else self.csrf
            answer = self.api.request(method, path, json=body, headers=headers)
            if answer.status_code != 503:
                break
            time.sleep(1)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @cached_property
    def csrf(self) -> dict[str, str]:
        """Good for an hour, which is longer than a test."""
        token = self.ask("GET", "/csrf-token?client=tests")["token"]
        return {"Prefect-Csrf-Client": "tests", "Prefect-Csrf-Token": token}

    def start(self) -> None:
        command = lifecycle.server_command(self.port)
        processes.start(self.root, self.env, "server", command, self.port)
        processes.wait_for(self.root, "server", f"{self.env['PREFECT_API_URL']}/health")

    def end_server(self) -> None:
        """End the server alone; workers stay."""
        for process, role in processes.running(self.root):
            if role == "server":
                process.kill()
                process.wait()

    def stop(self) -> None:
        lifecycle.down(self.root)

    def post(self, path: str, **body):
        return self.ask("POST", path, body)

    def get(self, path: str):
        return self.ask("GET", path)

    def deploy(self, workspace: "Workspace") -> None:
        lifecycle.register(workspace.root, self.env)

    def start_worker(self, workspace: "Workspace", pool: str = "cpu", limit: int = 1):
        """Start a worker of `pool` whose flows run in `workspace`; return its process."""
        env = worker_environment(self.env, workspace.root)
        role = f"worker-{pool}-{workspace.root.name}"
        return processes.start(self.root, env, role, lifecycle.worker_command(pool, limit))

    @contextlib.contextmanager
    def worker(self, workspace: "Workspace", pool: str = "cpu", limit: int = 1):
        """A worker that is ended, with all it started, when the `with` block is left."""
        process = self.start_worker(workspace, pool, limit)
        try:
            yield process
        finally:
            for child in [process_of(process.pid), *descendants(process.pid)]:
                with contextlib.suppress(psutil.NoSuchProcess, AttributeError):
                    child.kill()
            process.wait()

    def start_run(self, deployment: str, **parameters) -> str:
        """Ask for a run of a deployment (FLOW/NAME); return the run's id."""
        id = self.get(f"/deployments/name/{deployment}")["id"]
        return self.post(f"/deployments/{id}/create_flow_run", parameters=parameters)["id"]

    def state(self, run: str) -> dict:
        return self.get(f"/flow_runs/{run}")["state"]

    def final(self, run: str, patience: float = PATIENCE) -> dict:
        """Wait until a run has ended; return its state."""
        ends = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
        wait_until(lambda: self.state(run)["type"] in ends, f"the end of run {run}", patience)
        return self.state(run)

    def logs(self, run: str) -> str:
        of_run = {"flow_run_id": {"any_": [run]}}
        lines = self.post("/logs/filter", logs=of_run, sort="TIMESTAMP_ASC")
        return "\n".join(line["message"] for line in lines)

    def task_runs(self, run: str, count: int = 0) -> dict[str, str]:
        """The state's name of each task run of a flow run, by the task run's name.

        The server hears of them by events, some time after the flow has ended: `count` of them are
        waited for, and that none seems to run.
        """

        def heard_of() -> tuple[dict[str, str]] | None:
            tasks = self.post("/task_runs/filter", flow_runs={"id": {"any_": [run]}})
            names = {task["name"]: task["state"]["name"] for task in tasks}
            done = len(names) >= count and not {"Pending", "Running"} & set(names.values())
            return (names,) if done else None  # no task runs are an answer too

        return wait_until(heard_of, f"{count} task runs that have ended")[0]

    def artifact(self, run: str) -> str:
        (artifact,) = self.post("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        return artifact["data"]


def process_of(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)


def starter_of(pid: int) -> int:
    """The process that started `pid`, past the shell through which dvc starts a stage."""
    above = psutil.Process(pid).parent()
    while above.name() in ("sh", "dash", "bash"):
        above = above.parent()
    return above.pid


def descendants(pid: int) -> list[psutil.Process]:
    process = process_of(pid)
    return process.children(recursive=True) if process else []


class Workspace:
    """A toy project (tests/flows/toy): a real git and DVC repository, stages that take no time."""

    def __init__(self, root: Path):
        self.root = root
        self.demands = root / ".sightline" / "toy"
        self.demands.mkdir(parents=True, exist_ok=True)

    def shell(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=tool_environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def commit(self) -> None:
        self.shell("git", "add", "-A")
        self.shell("git", "commit", "--quiet", "--allow-empty", "-m", "test")

    def demand(self, stage: str, **demands: str | float) -> None:
        """Let a stage `sleep` seconds, `fail` with a status ("once 75": once only), write a line
        (`add`) that depends on nothing, as a training on another GPU does, or `say` something.
        """
        for demand, value in demands.items():
            (self.demands / f"{stage}.{demand}").write_text(str(value))

    def executions(self) -> list[list[str]]:
        """Stage, CUDA device, start and end of every execution since the last `forget`."""
        path = self.demands / "executed"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def executed(self) -> list[str]:
        return sorted(stage for stage, *_ in self.executions())

    def forget(self) -> None:
        (self.demands / "executed").unlink(missing_ok=True)

    def runs(self, stage: str) -> int | None:
        """The process that runs `stage` now, if one does."""
        path = self.demands / f"{stage}.pid"
        if not path.exists():
            return None
        process = process_of(int(path.read_text()))
        alive = process and process.status() != psutil.STATUS_ZOMBIE
        return process.pid if alive and stage.partition("@")[0] in process.cmdline() else None

    def survivors(self, stage: str = "") -> list[str]:
        """The processes that work here, dvc and stages (or those of one stage): command lines."""
        survivors = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                words = " ".join(process.cmdline())
                works = "toy.py" in words or "repro --single-item" in words
                mine = stage in words or stage.replace("@", " ") in words
                if works and mine and process.cwd().startswith(str(self.root)):
                    survivors.append(words)
        return survivors

    def params(self, change) -> None:
        """Rewrite params.yaml after `change(params)`."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def invalidate(self, stage: str) -> list[str]:
        """Make a stage of CHAIN and those after it stale, beyond what DVC could restore."""
        stages = list(CHAIN.values())
        stale = stages[stages.index(stage) :]
        lock = yaml.safe_load((self.root / "dvc.lock").read_text())
        for name in stale:
            for out in lock["stages"].pop(name)["outs"]:
                (self.root / out["path"]).unlink()
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))
        shutil.rmtree(self.root / ".dvc" / "cache" / "runs")
        return stale

    def locked(self) -> dict:
        """The content of dvc.lock; the order of its stages is that in which they ended."""
        return yaml.safe_load((self.root / "dvc.lock").read_text())

    def outputs(self) -> dict[str, bytes]:
        """The content of every output, by its path."""
        folders = [self.root / name for name in ("data/raw", "data/processed", "models", "reports")]
        files = [f for folder in folders for f in folder.rglob("*") if f.is_file()]
        return {
            str(f.relative_to(self.root)): f.read_bytes() for f in files if f.name != ".gitignore"
        }

    def copy_to(self, root: Path) -> "Workspace":
        shutil.copytree(self.root, root, symlinks=True)
        copy = Workspace(root)
        copy.forget()
        return copy


def tool_environment() -> dict[str, str]:
    """The environment of git and dvc: this environment's programs, a name to commit with."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **who, "PATH": path, "DVC_NO_ANALYTICS": "1"}


def make_blank(root: Path) -> Workspace:
    """Make a toy workspace in which nothing ran yet, with this project's flows and deployments."""
    apart = shutil.ignore_patterns("__pycache__")
    shutil.copytree(TOY, root, ignore=apart)
    (root / "stages.yaml").rename(root / "dvc.yaml")  # else DVC would count them to this project's
    shutil.copytree(PROJECT / "flows", root / "flows", ignore=apart)
    for name in ("prefect.yaml", "automations.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(PROJECT / name, root)
    workspace = Workspace(root)
    workspace.shell("git", "init", "--quiet", "--initial-branch", "main")
    workspace.shell("dvc", "init", "--quiet")
    workspace.shell("dvc", "config", "core.analytics", "false")
    workspace.commit()
    return workspace
