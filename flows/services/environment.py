"""The environment in which the services of a workspace run."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

from sightline.layout import Layout

HOST = "127.0.0.1"
# the clone that a worker runs flows in (prefect.yaml's pull step)
WORKSPACE = "SIGHTLINE_WORKSPACE"
# in the environment of each process: the workspace, what it is for, and the port of what it serves
MARK, ROLE, PORT = "SIGHTLINE_SERVICES", "SIGHTLINE_SERVICE", "SIGHTLINE_SERVICE_PORT"
# Every run sends a heartbeat each 30 seconds and an event at each change of state. The server keeps
# them in its database, which they would fill; automations look back 100 seconds. Runs, logs and
# artifacts stay.
HEARTBEAT = 30  # seconds; automations.yaml waits for three of them
EVENTS_KEPT, HEARTBEATS_KEPT = timedelta(days=7), timedelta(days=1)


def environment(root: Path, port: int) -> dict[str, str]:
    """Return the environment in which everything around one Prefect server on `port` runs."""
    programs = Path(sys.executable).parent
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if direct != "*":  # a proxy elsewhere would look for 127.0.0.1 on its own machine
        direct = ",".join(filter(None, [direct, HOST, "localhost"]))
    heartbeats = {"prefect.flow-run.heartbeat": HEARTBEATS_KEPT.total_seconds()}
    return {
        **os.environ,
        MARK: str(root),
        PORT: str(port),
        "no_proxy": direct,
        "NO_PROXY": direct,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PREFECT_HOME": str(Layout(root).own_state.prefect),
        "PREFECT_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT),
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite on a busy machine: wait, not 503
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": f"P{EVENTS_KEPT.days}D",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(heartbeats),
        # Prefect's own defaults let a script of any page that a browser shows start flows: CORS
        # keeps it from reading answers, the token from sending what a browser sends unasked
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://{HOST}:{port},http://localhost:{port}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        # without both, `prefect deployment run --watch` shows events alone and no line of the log
        "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "true",
        "PREFECT_SERVER_LOGS_STREAM_PUBLISHING_ENABLED": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }


def worker_environment(env: dict[str, str], workspace: Path) -> dict[str, str]:
    """Return `env` with the clone that this worker's flows run in."""
    return {**env, WORKSPACE: str(workspace)}
