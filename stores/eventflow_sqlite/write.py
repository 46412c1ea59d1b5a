"""Writes the events and rows of operations in one statement; it decides nothing.

Between two statements a thread needs Python's lock, which a busy event loop gives up reluctantly.
So a batch is laid out as JSON, and a trigger (`append.sql`) takes it apart without that lock.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import TypeAlias

import msgspec

from eventflow.store.contract import Operation
from eventflow.store.plain_text import plain_text
from eventflow_sqlite.rows import Row, event_row, job_row, label, run_change, run_row, stage_row

Place: TypeAlias = tuple[str, str]
"""A run and a stage of it."""

Batch: TypeAlias = Sequence[str | bytes]
"""What is written at once, as the columns of the view `batch` hold it."""

_APPEND = "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CONSTRAINT_DATATYPE = sqlite3.SQLITE_CONSTRAINT | 12 << 8  # Python has no name for it
_ESCAPED_NUL = "\\u0000"
_STAND_INS = range(0xE000, 0x110000)
_json = msgspec.json.Encoder(enc_hook=plain_text)


class _Bytes:
    """Gathers bytes, and tells where each piece is."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._next = 1

    def add(self, piece: bytes) -> tuple[int, int]:
        """Take a piece; give its offset, from 1, and its length."""
        length = len(piece)
        offset, self._next = self._next, self._next + length
        self._pieces.append(piece)
        return offset, length

    def all(self) -> bytes:
        """Give all pieces, one behind the other."""
        return b"".join(self._pieces)


@cache
def script() -> str:
    """Give the SQL that a connection needs before it can write."""
    return (files("eventflow_sqlite") / "append.sql").read_text(encoding="utf-8")


def laid_out(operations: Sequence[Operation]) -> Batch:
    """Lay out the events and rows of operations."""
    pieces = _Bytes()
    events = [
        event_row(event, pieces.add(event.data), pieces.add(event.hash))
        for operation in operations
        for event in operation.events
    ]
    return _batch(operations, pieces, events, _keys(operations))


def rows_laid_out(operations: Sequence[Operation], keys: Iterable[Row]) -> Batch:
    """Lay out the rows of whole runs whose events are there, and of which there are no rows."""
    return _batch(operations, _Bytes(), [], keys)


def write(connection: sqlite3.Connection, batch: Batch) -> None:
    """Write a batch inside the transaction that is open.

    Raises:
        sqlite3.IntegrityError: An event does not follow, or a key is in use; nothing was written.
        OverflowError: A number has more than 64 bits; nothing was written.
    """
    try:
        connection.execute(_APPEND, batch)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == _CONSTRAINT_DATATYPE:
            raise OverflowError(f"a number is too large for SQLite: {error}") from error
        raise


def _batch(
    operations: Sequence[Operation], pieces: _Bytes, events: list[Row], keys: Iterable[Row]
) -> Batch:
    created = [operation for operation in operations if operation.expected == 0]
    # Of several operations on one run, the last one says what its rows become.
    changed = {operation.run_id: operation for operation in operations if operation.expected > 0}
    rows = [
        events,
        list(keys),
        [run_row(operation.changes.run) for operation in created],
        list(_labels(created, pieces)),
        [run_change(operation.changes.run) for operation in changed.values()],
        *_dropped_and_put(_stages(operations)),
        *_dropped_and_put(_jobs(operations)),
    ]
    columns = _columns(rows)
    nul = ""
    if any(_ESCAPED_NUL in column for column in columns):
        nul = next(sign for sign in map(chr, _STAND_INS) if all(sign not in c for c in columns))
        columns = _columns([[_without_nul(row, nul) for row in each] for each in rows])
    return *columns, pieces.all(), nul


def _columns(rows: Sequence[Sequence[Row]]) -> list[str]:
    return [_json.encode(each).decode() for each in rows]


def _without_nul(row: Row, stand_in: str) -> Row:
    return [each.replace("\0", stand_in) if isinstance(each, str) else each for each in row]


def _keys(operations: Iterable[Operation]) -> Iterator[Row]:
    for operation in operations:
        if operation.idempotency_key is not None:
            yield operation.idempotency_key, operation.run_id, operation.op_id


def _labels(created: Iterable[Operation], pieces: _Bytes) -> Iterator[Row]:
    for operation in created:
        for key, value in operation.changes.run.metadata.items():
            yield operation.run_id, *pieces.add(label(key, value))


def _stages(operations: Iterable[Operation]) -> dict[Place, Row | None]:
    rows: dict[Place, Row | None] = {}
    for operation in operations:
        run_id, changes = operation.run_id, operation.changes
        rows |= {(run_id, stage): None for stage in changes.dropped_stages}
        rows |= {(run_id, row.stage): stage_row(run_id, row) for row in changes.stages}
    return rows


def _jobs(operations: Iterable[Operation]) -> dict[Place, Row | None]:
    rows: dict[Place, Row | None] = {}
    for operation in operations:
        run_id, changes = operation.run_id, operation.changes
        rows |= {(run_id, stage): None for stage in changes.dropped_jobs}
        rows |= {(run_id, row.stage): job_row(operation, row) for row in changes.jobs}
    return rows


def _dropped_and_put(rows: dict[Place, Row | None]) -> tuple[list[Row], list[Row]]:
    dropped: list[Row] = [place for place, row in rows.items() if row is None]
    return dropped, [row for row in rows.values() if row is not None]
