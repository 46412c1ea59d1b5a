"""Writes the events and rows of accepted operations, table by table; it decides nothing."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from attrs import frozen

from eventflow.core.projection import JobRow, RunRow
from eventflow.store.contract import Operation
from eventflow_sqlite.rows import (
    INSERT_EVENT,
    INSERT_RUN,
    UPDATE_RUN,
    UPSERT_JOB,
    UPSERT_STAGE,
    Row,
    event_row,
    job_row,
    label,
    run_change,
    run_row,
    stage_row,
)

Place: TypeAlias = tuple[int, str]
"""A run and a stage of it."""

_INSERT_KEY = "INSERT INTO keys (key, run_id, op_id) VALUES (?, ?, ?)"
_INSERT_LABEL = "INSERT INTO labels (label, run) VALUES (?, ?)"
_DELETE_STAGE = "DELETE FROM stages WHERE run = ? AND stage = ?"
_DELETE_JOB = "DELETE FROM jobs WHERE run = ? AND stage = ?"


@frozen
class Accepted:
    """An operation to write; `run` is the position of the run's first event.

    Attributes:
        operation: The operation.
        run: Names the run in the rows.
        first: The position of the operation's first event.
    """

    operation: Operation
    run: int
    first: int


def write(connection: sqlite3.Connection, accepted: Sequence[Accepted]) -> None:
    """Write a batch inside the transaction that is open."""
    connection.executemany(INSERT_EVENT, _events(accepted))
    write_keys(connection, _keys(accepted))
    _write_created(connection, [one for one in accepted if one.operation.expected == 0])
    # Of several operations on one run, the last one says what its rows become.
    changed = {one.run: _run(one) for one in accepted if one.operation.expected > 0}
    connection.executemany(UPDATE_RUN, [run_change(run, row) for run, row in changed.items()])
    _write_stages_and_jobs(connection, accepted)


def write_new_rows(connection: sqlite3.Connection, accepted: Sequence[Accepted]) -> None:
    """Write the rows of whole runs whose events are there, and of which there are no rows."""
    _write_created(connection, accepted)
    _write_stages_and_jobs(connection, accepted)


def write_keys(connection: sqlite3.Connection, keys: Iterable[Row]) -> None:
    """Write idempotency keys, each with its run and its operation."""
    connection.executemany(_INSERT_KEY, keys)


def _write_created(connection: sqlite3.Connection, created: Sequence[Accepted]) -> None:
    connection.executemany(INSERT_RUN, [run_row(one.run, _run(one)) for one in created])
    connection.executemany(_INSERT_LABEL, _labels(created))


def _write_stages_and_jobs(connection: sqlite3.Connection, accepted: Sequence[Accepted]) -> None:
    _replace(connection, _stages(accepted), UPSERT_STAGE, _DELETE_STAGE)
    _replace(connection, _jobs(accepted), UPSERT_JOB, _DELETE_JOB)


def _run(accepted: Accepted) -> RunRow:
    return accepted.operation.changes.run


def _events(accepted: Iterable[Accepted]) -> Iterator[Row]:
    for one in accepted:
        for position, event in enumerate(one.operation.events, start=one.first):
            yield event_row(position, event)


def _keys(accepted: Iterable[Accepted]) -> Iterator[Row]:
    for one in accepted:
        operation = one.operation
        if operation.idempotency_key is not None:
            yield operation.idempotency_key, operation.run_id, operation.op_id


def _labels(created: Iterable[Accepted]) -> Iterator[Row]:
    for one in created:
        for key, value in _run(one).metadata.items():
            yield label(key, value), one.run


def _stages(accepted: Iterable[Accepted]) -> dict[Place, Row | None]:
    rows: dict[Place, Row | None] = {}
    for one in accepted:
        changes = one.operation.changes
        rows |= {(one.run, stage): None for stage in changes.dropped_stages}
        rows |= {(one.run, row.stage): stage_row(one.run, row) for row in changes.stages}
    return rows


def _jobs(accepted: Iterable[Accepted]) -> dict[Place, Row | None]:
    rows: dict[Place, Row | None] = {}
    for one in accepted:
        changes = one.operation.changes
        rows |= {(one.run, stage): None for stage in changes.dropped_jobs}
        rows |= {(one.run, row.stage): _job_row(one, row) for row in changes.jobs}
    return rows


def _job_row(accepted: Accepted, job: JobRow) -> Row:
    behind = job.scheduled - accepted.operation.expected - 1
    position = None
    if behind >= 0:
        # The events of a run that was rebuilt have positions, which need not be side by side.
        placed = accepted.operation.events[behind].position
        position = placed or accepted.first + behind
    return job_row(accepted.run, accepted.operation, job, position)


def _replace(
    connection: sqlite3.Connection, rows: dict[Place, Row | None], put: str, drop: str
) -> None:
    connection.executemany(drop, [place for place, row in rows.items() if row is None])
    connection.executemany(put, [row for row in rows.values() if row is not None])
