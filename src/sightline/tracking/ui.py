"""The MLflow UI over the default store."""

import logging
import os
import socket
import sys

from sightline.errors import SightlineError, masked
from sightline.layout import Layout
from sightline.tracking import connection, log, store

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

# the server's helpers for traces of language models: threads and processes that nothing here needs
SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


def serve(layout: Layout, port: int) -> None:
    """Complete the runs, then become the MLflow server on 127.0.0.1; Ctrl-C ends it.

    Where MLFLOW_TRACKING_URI names a server, its address is said instead. Raises SightlineError
    where the port is taken.
    """
    where = store.find(layout)
    if not where.server:
        _check_free(port)
    try:
        log.complete(layout)
    except SightlineError as error:
        logger.warning("%s", error)  # what is in the store can be looked at all the same
    if where.server:
        print(f"the runs are at {masked(where.server)} (MLFLOW_TRACKING_URI)")
        return
    connection.create(where)
    print(
        f"MLflow UI: {page(port)}\n(it needs about ten seconds to start; Ctrl-C ends it)",
        flush=True,
    )
    arguments = ["server", "--host", HOST, "--port", str(port), "--workers", "1"]
    arguments += ["--uvicorn-opts", "--log-level warning"]  # no line for each request
    arguments += ["--backend-store-uri", where.uri]
    arguments += ["--default-artifact-root", where.artifacts.as_uri()]
    os.environ.update(SETTINGS)
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])


def page(port: int) -> str:
    """Return the address to open."""
    # MLflow opens with its pages for language models unless it is told what we do
    return f"http://{HOST}:{port}/#/experiments?workflowType=machine_learning"


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise SightlineError(
                f"port {port} on {HOST} cannot be used ({error.strerror}): "
                f"is the UI running already? Else: sightline ui --port {port + 1}"
            ) from None
