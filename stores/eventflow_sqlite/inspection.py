"""Looks at a database file without creating, migrating or writing it."""

import asyncio
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote

from eventflow.errors import StoreUnavailable
from eventflow.store.inspection import Fault, Inspection
from eventflow_sqlite.address import Address, parse_address
from eventflow_sqlite.failures import explained
from eventflow_sqlite.migrations import APPLICATION_ID, migrations


async def inspect(url: str) -> Inspection:
    """Tell whether the file is there, and which version of the schema it has.

    Raises:
        ValueError: The URL names no file, or has a parameter or a value that does not exist.
        StoreUnavailable: The file cannot be read, or belongs to another application.
    """
    return await asyncio.to_thread(_inspect, parse_address(url))


def _inspect(address: Address) -> Inspection:
    file = Path(address.path)
    newest = migrations()[-1].version
    details = {"file": str(file.absolute()), "sqlite": sqlite3.sqlite_version}
    if not file.exists():
        return Inspection(exists=False, version=0, newest=newest, details=details)
    with explained(address.path), _reading(address) as connection:
        version = _version(connection, address)
        faults = list(_faults(connection)) if version == newest else []
    log = file.with_name(f"{file.name}-wal")
    size = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
    details |= {"bytes": str(size), "synchronous": address.synchronous}
    return Inspection(version > 0, version, newest, details, faults)


@contextmanager
def _reading(address: Address) -> Generator[sqlite3.Connection]:
    uri = f"file:{quote(address.path)}?mode=rw"  # `ro` could not read a write-ahead log
    with closing(sqlite3.connect(uri, uri=True, timeout=address.busy_timeout)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _version(connection: sqlite3.Connection, address: Address) -> int:
    """Read the version of the schema, 0 for an empty file."""
    ((application,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    if application != APPLICATION_ID and (application or version or tables):
        raise StoreUnavailable(
            f"SQLite database {address.path!r} belongs to another application; name another file"
        )
    return int(version)


def _faults(connection: sqlite3.Connection) -> Iterator[Fault]:
    """Find triggers that are gone, or do something else, so that the log could be changed."""
    there = _triggers(connection)
    gone = [name for name, sql in _own_triggers().items() if there.get(name) != sql]
    if gone:
        yield Fault(
            "guards",
            f"nothing keeps the log from being changed any more: {', '.join(gone)}",
            "somebody has dropped these triggers: prove the log with `eventflow store verify`, and "
            "copy it to a new file with `eventflow store copy`",
            grave=True,
        )


@cache
def _own_triggers() -> dict[str, str]:
    """Make an empty database in memory, and read what it has."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in migrations():
            connection.executescript(step.sql)
        return _triggers(connection)


def _triggers(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
