"""The file refuses to change the log, whoever asks and in whichever way."""

import sqlite3

import pytest

from eventflow.errors import StoreUnavailable
from eventflow.store.contract import StoredEvent
from eventflow.testing.builders import Author
from eventflow_sqlite import SQLiteStore

COPY = "run_id, version, type, schema, x'00', recorded_at, actor, op_id, hash FROM events LIMIT 1"
CHANGES = [
    ("UPDATE events SET data = x'00'", "never changed"),
    ("UPDATE OR REPLACE events SET position = 1", "never changed"),
    ("DELETE FROM events", "never deleted"),
    ("DELETE FROM events WHERE position = 2", "never deleted"),
    (f"INSERT OR REPLACE INTO events SELECT position, {COPY}", "takes the next position"),
    (f"INSERT OR REPLACE INTO events SELECT position + 100, {COPY}", "takes the next position"),
    (f"REPLACE INTO events SELECT 3, {COPY}", "takes the next position"),
    (f"INSERT OR IGNORE INTO events SELECT NULL, {COPY}", "takes the next position"),
    (
        "INSERT INTO events SELECT * FROM events WHERE true ON CONFLICT DO UPDATE SET data = x'00'",
        "takes the next position",
    ),
    (
        f"INSERT INTO events SELECT 3, {COPY}".replace("version", "version + 8"),
        "the next version of its run",
    ),
]
DROPS = [
    "DROP TRIGGER events_keep_values",
    "DROP TRIGGER events_keep_rows",
    "DROP TRIGGER events_follow",
    "DROP TABLE events",
]


@pytest.fixture
async def log(store: SQLiteStore) -> list[StoredEvent]:
    """Append two events, at positions 1 and 2."""
    await store.append([Author().create()])
    return await store.read_all(0, 10)


@pytest.mark.parametrize(("change", "message"), CHANGES)
async def test_no_connection_can_change_the_log(
    store: SQLiteStore, other: sqlite3.Connection, log: list[StoredEvent], change: str, message: str
) -> None:
    """UPDATE, DELETE, every kind of replacement, and a gap are refused on any connection."""
    with pytest.raises(sqlite3.IntegrityError, match=message):
        other.execute(change)
    assert await store.read_all(0, 10) == log


@pytest.mark.parametrize(("change", "message"), CHANGES)
async def test_the_library_cannot_change_the_log(
    store: SQLiteStore, log: list[StoredEvent], change: str, message: str
) -> None:
    """The connection that writes has no other rights than anybody else."""
    with pytest.raises(sqlite3.IntegrityError, match=message):
        await store._writer.run(lambda connection: connection.execute(change))
    assert await store.read_all(0, 10) == log


@pytest.mark.parametrize("drop", DROPS)
async def test_the_library_cannot_drop_a_guard(
    store: SQLiteStore, log: list[StoredEvent], drop: str
) -> None:
    """The library's connections deny to drop what guards the log, and the log itself."""
    for session in (store._writer, store._reader):
        with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
            await session.run(lambda connection: connection.execute(drop))
    with (
        store._watch._handle.use() as connection,
        pytest.raises(sqlite3.DatabaseError, match="not authorized"),
    ):
        connection.execute(drop)
    assert await store.read_all(0, 10) == log


async def test_connections_for_reading_cannot_write(
    store: SQLiteStore, log: list[StoredEvent]
) -> None:
    """What is asked of the connections for reading changes no row of any table."""
    with pytest.raises(StoreUnavailable, match="readonly"):
        await store._reader.run(lambda connection: connection.execute("DELETE FROM runs"))
    with (
        store._watch._handle.use() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM runs")
