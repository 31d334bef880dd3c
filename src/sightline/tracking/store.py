"""The default MLflow store, SQLite and a folder under .sightline/mlflow, and how it is looked at
without MLflow, whose import costs seconds.

Its database holds absolute paths, which MLflow cannot do without (mlflow/mlflow#3144): `relocate`
mends them after the project's folder was moved or copied.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import SightlineError, TryAgain
from sightline.layout import Layout

FINGERPRINT, COMPLETE = "sightline.fingerprint", "sightline.complete"

# every column in which MLflow 3 keeps the place of an artifact
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Store:
    """Where runs go: `uri` names a server, or is None for the database in `folder`.

    `folder` also holds the lock that keeps this machine to one logger at a time.
    """

    folder: Path
    server: str | None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "mlflow.db"

    @property
    def artifacts(self) -> Path:
        """The folder of pictures, tables and models."""
        return self.folder / "artifacts"

    @property
    def uri(self) -> str:
        """The tracking URI."""
        return self.server or f"sqlite:///{self.database}"

    def complete(self) -> set[str]:
        """Return the fingerprints whose runs are complete; none can be known of a server."""
        if self.server or not self.database.exists():
            return set()
        query = """SELECT f.value FROM tags f JOIN tags c ON c.run_uuid = f.run_uuid
                   WHERE f.key = ? AND c.key = ?"""
        with self._opened() as connection:
            return {row[0] for row in connection.execute(query, (FINGERPRINT, COMPLETE))}

    def relocate(self) -> None:
        """Make every path in the database point into the folder where it lies now."""
        if self.server or not self.database.exists():
            return
        here, marker = self.artifacts.as_uri(), "/".join(["", *self.artifacts.parts[-3:]])
        values = {"here": here, "here_length": len(here), "marker": marker, "length": len(marker)}
        with self._opened() as connection:
            for table, column in _PLACES:
                elsewhere = f"""FROM {table} WHERE instr({column}, :marker) > 0
                                AND substr({column}, 1, :here_length) <> :here"""
                # a store that is only read is not written to
                if connection.execute(f"SELECT 1 {elsewhere} LIMIT 1", values).fetchone():
                    connection.execute(
                        f"""UPDATE {table} SET {column} = :here
                                || substr({column}, instr({column}, :marker) + :length)
                            WHERE rowid IN (SELECT rowid {elsewhere})""",
                        values,
                    )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to the database, whose changes are kept at the end.

        Raises TryAgain where another process holds it, SightlineError where it is no store.
        """
        try:
            with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise database_error(self.database, error) from None


def database_error(database: Path, error: BaseException) -> SightlineError:
    """Return an error of SQLite as one that says what to do."""
    if "locked" in str(error):
        return TryAgain(
            f"{database} is held by another process ({error}): when that has ended, run "
            "`sightline log`, which completes the runs"
        )
    if isinstance(error, sqlite3.OperationalError) and "no such table" not in str(error):
        return SightlineError(
            f"{database}: {error}: when that is mended (a full disk, a lack of rights), run "
            "`sightline log`, which completes the runs; nothing else is lost"
        )
    return SightlineError(
        f"{database} is no whole store of MLflow ({error}): move it away and run `sightline log`, "
        "which writes the runs of this workspace anew"
    )


def find(layout: Layout) -> Store:
    """Return the store of a project: MLFLOW_TRACKING_URI where it is set, else the default one.

    The default store lies in the workspace that outlives a passing copy (`dvc exp run --temp`).
    Raises SightlineError where MLFLOW_TRACKING_URI names something other than a server.
    """
    default = Store(layout.state.mlflow, None)
    server = os.environ.get("MLFLOW_TRACKING_URI")
    if "?" in str(default.database):  # it would begin the options of the address
        raise SightlineError(
            f"{default.database}: SQLAlchemy cannot open a database with a ? in its path: give "
            "the folder another name"
        )
    if not server or _names(server, default.database):
        return default
    if not server.startswith(("http://", "https://", "databricks")):
        raise SightlineError(
            f"MLFLOW_TRACKING_URI is '{server}', which is no server: name one (http://HOST:5000), "
            "or unset it to use Sightline's own store under .sightline/mlflow"
        )
    return Store(default.folder, server)


def _names(uri: str, database: Path) -> bool:
    """Whether a tracking URI names this database, perhaps through a link."""
    path = uri.removeprefix("sqlite:///")
    return path != uri and Path(path).resolve() == database.resolve()
