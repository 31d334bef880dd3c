"""The default MLflow store, SQLite and a folder under .sightline/mlflow, and how it is looked at
without MLflow, whose import costs seconds.

Its database holds absolute paths, which MLflow cannot do without (mlflow/mlflow#3144): `relocate`
mends them after the project's folder was moved or copied.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import SightlineError
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
        with closing(sqlite3.connect(self.database)) as connection:
            return {row[0] for row in connection.execute(query, (FINGERPRINT, COMPLETE))}

    def relocate(self) -> None:
        """Make every path in the database point into the folder where it lies now."""
        if self.server or not self.database.exists():
            return
        here, marker = self.artifacts.as_uri(), "/".join(["", *self.artifacts.parts[-3:]])
        with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            for table, column in _PLACES:
                connection.execute(
                    f"""UPDATE {table}
                        SET {column} = :here || substr({column}, instr({column}, :marker) + :length)
                        WHERE instr({column}, :marker) > 0
                        AND substr({column}, 1, :here_length) <> :here""",
                    {"here": here, "here_length": len(here)}
                    | {"marker": marker, "length": len(marker)},
                )


def find(layout: Layout) -> Store:
    """Return the store of a project: MLFLOW_TRACKING_URI where it is set, else the default one.

    The default store lies in the workspace that outlives a passing copy (`dvc exp run --temp`).
    Raises SightlineError where MLFLOW_TRACKING_URI names something other than a server.
    """
    default = Store(layout.state.mlflow, None)
    server = os.environ.get("MLFLOW_TRACKING_URI")
    if not server or server == default.uri:
        return default
    if not server.startswith(("http://", "https://", "databricks")):
        raise SightlineError(
            f"MLFLOW_TRACKING_URI is '{server}', which is no server: name one (http://HOST:5000), "
            "or unset it to use Sightline's own store under .sightline/mlflow"
        )
    return Store(default.folder, server)
