"""The connection to MLflow: one logger at a time, its errors as one line each."""

import contextlib
import os
import re
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sightline.errors import SightlineError, TryAgain, one_line
from sightline.tracking.store import Store, database_error

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_WAIT = 600.0  # seconds to wait for another logger: it needs about six a model

# Where a person has not set them otherwise. MLflow's own retries go on for minutes, and send again
# what a slow server may have done already (a second run); a run is completed later instead.
SETTINGS = {
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


def create(where: Store) -> None:
    """Make the default store where there is none."""
    if not where.server and not where.database.exists():
        with connected(where):
            pass


@contextlib.contextmanager
def connected(where: Store) -> Iterator["MlflowClient"]:
    """Give a client of the store to one logger at a time; an error of MLflow becomes one line."""
    from requests import RequestException
    from sqlalchemy.exc import DBAPIError

    mlflow = _import_mlflow()
    where.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(where.folder / "lock", timeout=LOCK_WAIT), _tracking_uri(where.uri):
            yield _connect(where)
    except Timeout:
        raise TryAgain(
            f"{where.folder / 'lock'} has been held by another `sightline log` for "
            f"{LOCK_WAIT:.0f} s: end that process, then run `sightline log`"
        ) from None
    except mlflow.MlflowException as error:
        kind = TryAgain if error.get_http_status_code() >= 500 else SightlineError
        raise kind(
            f"MLflow at {where.uri} did not take the run: {one_line(error)[:300]}: when that is "
            "mended, run `sightline log`, which completes the run; nothing else is lost"
        ) from error
    except RequestException as error:  # of an artifact; of all else MLflow wraps it
        status = error.response.status_code if error.response is not None else 503
        kind = TryAgain if status >= 500 or status == 429 else SightlineError
        raise kind(
            f"MLflow at {where.uri} did not take a file: {one_line(error)[:300]}: when that is "
            "mended, run `sightline log`, which completes the run; nothing else is lost"
        ) from error
    except DBAPIError as error:  # of the making of the database; else MLflow wraps it
        raise database_error(where.database, error.orig or error) from None


def _import_mlflow() -> ModuleType:
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    import mlflow

    return mlflow


@contextlib.contextmanager
def _tracking_uri(uri: str) -> Iterator[None]:
    """Have MLflow use a store; mlflow.set_tracking_uri would stay in force for the process."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLFLOW_TRACKING_URI"]
        else:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _connect(where: Store) -> "MlflowClient":
    """Return a client of the store, which is made where there is none."""
    import mlflow

    if not where.server and not where.database.exists():
        # under another name until it is whole: a killed migration leaves nothing to stumble over
        unfinished = where.database.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        mlflow.MlflowClient(f"sqlite:///{unfinished}").delete_experiment("0")  # an empty "Default"
        unfinished.replace(where.database)
    if where.server:
        _check_version(where)
    return mlflow.MlflowClient()


def _check_version(where: Store) -> None:
    """Raise SightlineError for a server older than MLflow 3, before a run is half written there.

    It would take the run, then refuse the model. A server that does not tell is believed.
    """
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    answer = http_request(get_default_host_creds(where.uri), "/version", "GET")
    version = answer.text.strip() if answer is not None and answer.ok else ""
    if re.fullmatch(r"[012]\.[\w.]+", version):
        raise SightlineError(
            f"the server at {where.uri} is MLflow {version}, which knows no logged models: nothing "
            "was written; bring it to MLflow 3, then run `sightline log`"
        )
