"""Prefect's server and MLflow's on a real PostgreSQL, and a reproduce of real stages through it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from toy_project import Server, free_port
from workspace import copy_project

from flows.services import processes

MODEL = "mnist-lstm"


def programs() -> Path | None:
    """The folder that has all of PostgreSQL's programs: on the path, or where Debian puts them."""
    needed = ("initdb", "pg_ctl", "createdb", "psql")
    on_path = [Path(program).resolve().parent for program in [shutil.which("initdb")] if program]
    folders = [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return next((f for f in folders if all((f / name).exists() for name in needed)), None)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture(scope="module")
def postgres():
    """The port of a PostgreSQL server with the databases prefect and mlflow, for user sightline."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def call(program: str, *arguments: str) -> None:
        subprocess.run([*user, programs() / program, *arguments], cwd=folder, check=True)

    data, listen = str(folder / "data"), f"-p {port} -k {folder} -h 127.0.0.1"
    call("initdb", "-D", data, "-A", "trust", "-U", "sightline", "--no-sync")
    call("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", listen, "-w", "start")
    try:
        for database in ("prefect", "mlflow"):
            call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "sightline", database)
        yield port
    finally:
        call("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
        shutil.rmtree(folder)


def test_a_reproduce_through_both_servers_on_postgres(postgres, tmp_path):
    at = f"sightline@127.0.0.1:{postgres}"
    server, mlflow_port = Server(tmp_path / "prefect", free_port()), free_port()
    mlflow = f"http://127.0.0.1:{mlflow_port}"
    server.env["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://{at}/prefect"
    workspace = copy_project(tmp_path / "project")
    command = [
        *("mlflow", "server", "--host", "127.0.0.1", "--port", str(mlflow_port), "--workers", "1"),
        *("--backend-store-uri", f"postgresql+psycopg2://{at}/mlflow"),
        *("--artifacts-destination", str(tmp_path / "artifacts")),
    ]
    try:
        server.start()
        processes.start(server.root, server.env, "mlflow", command, mlflow_port)
        processes.wait_for(server.root, "mlflow", f"{mlflow}/health")
        env = server.env | {"MLFLOW_TRACKING_URI": mlflow, "OMP_NUM_THREADS": "1"}
        code = f"from flows.reproduce import reproduce; reproduce(['log@{MODEL}'])"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=workspace.root, env=env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1500,
        )  # fmt: skip
        assert "Completed('9 stages: 9 ran')" in done.stdout, done.stdout
        (run,) = server.post("/flow_runs/filter")
        assert run["state"]["name"] == "Completed"
        assert f"train@{MODEL}" in server.task_runs(run["id"], count=7)
        assert rows(postgres, "prefect", "SELECT count(*) FROM flow_run") == "1"
        assert rows(postgres, "mlflow", "SELECT status FROM runs") == "FINISHED"
        assert int(rows(postgres, "mlflow", "SELECT count(*) FROM metrics")) > 4
        assert rows(postgres, "mlflow", "SELECT count(*) FROM registered_models") == "1"
    finally:
        server.stop()


def rows(port: int, database: str, query: str) -> str:
    """What psql prints for a query, bare."""
    command = [programs() / "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "sightline"]
    return subprocess.run(
        [*command, "-d", database, "-A", "-t", "-c", query],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
