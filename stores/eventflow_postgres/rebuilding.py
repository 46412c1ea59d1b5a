"""Writes all derived rows anew, from what is computed of the log; it decides nothing."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from asyncpg import Record

from eventflow.core.projection import JobRow, RunRow
from eventflow.store.contract import Operation, StoredEvent
from eventflow.store.rebuilding import Derive, Rebuilt
from eventflow_postgres.address import Address
from eventflow_postgres.connections import Connection
from eventflow_postgres.decode import event, job
from eventflow_postgres.encode import ai_json, job_row, label, metadata_json, stage_row
from eventflow_postgres.text import escaped

TOGETHER = 100
"""The rows of so many runs are written at once."""

_READ = 500
_PATIENCE = 24 * 3600.0

_COLUMNS = {
    "runs": ("run_id", "position", "workflow_id", "priority", "created_at", "metadata"),
    "heads": (
        *("run_id", "version", "position", "status", "generation", "fingerprint"),
        *("started_at", "ended_at", "ai"),
    ),
    "labels": ("run_id", "label", "position"),
    "stages": (
        *("run_id", "stage", "stage_group", "status", "generation", "attempt"),
        *("started_at", "ended_at"),
    ),
    "jobs": (
        *("run_id", "stage", "workflow_id", "priority", "kind", "scheduled", "due_at", "token"),
        *("leased", "ready", "position"),
    ),
    "keys": ("key", "run_id"),
}


async def rebuild(
    connection: Connection, address: Address, derive: Derive, progress: Callable[[int], object]
) -> int:
    """Put derived rows in the place of all rows, in a transaction; count the runs."""
    schema = address.quoted_schema
    async with connection.transaction(isolation="read_committed"):
        for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
            await connection.execute(f"SET LOCAL {setting} = 0")
        # Whoever appends or renews takes this row first.
        await connection.execute(f"SELECT FROM {schema}.counter FOR UPDATE", timeout=_PATIENCE)
        claimed = await _claimed(connection, schema)
        for table in _COLUMNS:
            await connection.execute(f"DELETE FROM {schema}.{table}", timeout=_PATIENCE)  # noqa: S608 - the name is quoted
        runs = events = 0
        batch: list[Rebuilt] = []
        async for history in _histories(connection, schema):
            batch.append(derive(history, claimed.get(history[0].run_id, {})))
            runs += 1
            events += len(history)
            if len(batch) == TOGETHER:
                await _write(connection, address.schema, batch)
                batch = []
                progress(events)
        await _write(connection, address.schema, batch)
        progress(events)
        await connection.execute(
            f"UPDATE {schema}.counter SET position = "  # noqa: S608 - the name is quoted
            f"(SELECT coalesce(max(position), 0) FROM {schema}.events)",
            timeout=_PATIENCE,
        )
    return runs


async def _claimed(connection: Connection, schema: str) -> Mapping[str, dict[str, JobRow]]:
    """Read what renewals may have moved, as far as it can be read."""
    found: defaultdict[str, dict[str, JobRow]] = defaultdict(dict)
    for row in await connection.fetch(
        "SELECT run_id, stage, kind, scheduled, due_at, token, leased "  # noqa: S608 - the name is quoted
        f"FROM {schema}.jobs WHERE token > 0",
        timeout=_PATIENCE,
    ):
        with suppress(ValueError):
            found[row["run_id"]][row["stage"]] = job(list(row)[1:])
    return found


async def _histories(connection: Connection, schema: str) -> AsyncIterator[list[StoredEvent]]:
    """Read all runs, one after the other."""
    history: list[StoredEvent] = []
    rows = connection.cursor(
        f"SELECT * FROM {schema}.events ORDER BY run_id, version",  # noqa: S608 - the name is quoted
        prefetch=_READ,
        timeout=_PATIENCE,
    )
    record: Record
    async for record in rows:
        read = event(record)
        if history and history[0].run_id != read.run_id:
            yield history
            history = []
        history.append(read)
    if history:
        yield history


async def _write(connection: Connection, schema: str, batch: Sequence[Rebuilt]) -> None:
    for table, columns in _COLUMNS.items():
        rows = [row for each in batch for row in _rows(table, each)]
        if rows:
            await connection.copy_records_to_table(
                table, records=rows, columns=columns, schema_name=schema, timeout=_PATIENCE
            )


def _rows(table: str, rebuilt: Rebuilt) -> Iterator[tuple[Any, ...]]:
    """Lay out the rows of one run for one table."""
    operation = rebuilt.operation
    run_id, first = operation.run_id, operation.events[0].position
    match table:
        case "runs" | "heads":
            yield _run(table, operation.changes.run, first)
        case "labels":
            for key, value in operation.changes.run.metadata.items():
                yield run_id, label(key, value), first
        case "stages":
            for stage in operation.changes.stages:
                yield run_id, stage.stage, *stage_row(stage)
        case "jobs":
            yield from _jobs(operation)
        case _:
            for key in rebuilt.keys:
                yield escaped(key), run_id


def _run(table: str, run: RunRow, first: int) -> tuple[Any, ...]:
    if table == "runs":
        never = (run.workflow_id, run.priority, run.created_at, metadata_json(run))
        return run.run_id, first, *never
    return (
        *(run.run_id, run.version, first, run.status.value, run.generation, run.fingerprint),
        *(run.started_at, run.ended_at, ai_json(run)),
    )


def _jobs(operation: Operation) -> Iterator[tuple[Any, ...]]:
    changes, events = operation.changes, operation.events
    for each in changes.jobs:
        position = events[each.scheduled - 1].position if each.scheduled else 0
        yield operation.run_id, each.stage, *job_row(each, changes, events), position
