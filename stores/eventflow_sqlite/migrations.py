"""The versions of the schema, applied once each, in order, by whoever opens the file first."""

import sqlite3
import time
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from attrs import frozen

from eventflow.errors import SchemaTooNew, StoreUnavailable
from eventflow_sqlite.address import Address
from eventflow_sqlite.session import transaction

APPLICATION_ID = 0x65766E74  # "evnt"
OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables

_PAUSE = 0.02


@frozen
class Migration:
    """One step: its version, from 1 and without gaps, and its SQL."""

    version: int
    sql: str


@cache
def migrations() -> tuple[Migration, ...]:
    """Read all steps that this release knows, in order."""
    folder = files("eventflow_sqlite") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Migration(int(name.partition("_")[0]), (folder / name).read_text(encoding="utf-8"))
        for name in names
    )


def migrate(connection: sqlite3.Connection, address: Address) -> None:
    """Bring the schema to the current version, in one transaction, one process at a time.

    Raises:
        SchemaTooNew: A newer release has been here; the file is left as it is.
        StoreUnavailable: The file belongs to another application, or SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old: eventflow needs "
            f"{'.'.join(map(str, OLDEST_SQLITE))} or newer; use a Python that has one"
        )
    steps = migrations()
    current = steps[-1].version
    with transaction(connection, "BEGIN"):
        found = _version(connection, address, current)
    if found < current:
        with transaction(connection, "BEGIN EXCLUSIVE", address.busy_timeout):
            found = _version(connection, address, current)
            for step in steps[found:]:
                for statement in statements(step.sql):
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {current}")
    _keep_write_ahead_log(connection, address)


def statements(sql: str) -> Iterator[str]:
    """Split a script into statements; a trigger with its semicolons is one."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection, address: Address, current: int) -> int:
    """Read the version of the schema, 0 for an empty file; refuse what is not ours to read."""
    ((application,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    empty = not (application or version or tables)
    if application != APPLICATION_ID and not empty:
        raise StoreUnavailable(
            f"SQLite database {address.path!r} belongs to another application and was left as it "
            "is; name another file"
        )
    if version > current:
        raise SchemaTooNew(
            f"SQLite database {address.path!r} has schema version {version}; this release knows "
            f"up to {current}: install the release that wrote it, or a newer one"
        )
    return int(version)


def _keep_write_ahead_log(connection: sqlite3.Connection, address: Address) -> None:
    """Switch to WAL, which lets others read while one writes; it stays so for ever."""
    for _ in range(round(address.busy_timeout / _PAUSE)):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            # SQLite does not wait for the lock that it needs here, whatever the timeout.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        time.sleep(_PAUSE)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
