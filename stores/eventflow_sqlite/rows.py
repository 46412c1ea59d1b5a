"""Turns the types of the contract into values of SQLite and back, exactly; it decides nothing."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eventflow.core.ai import AISummary
from eventflow.core.projection import JobRow, RunRow, StageRow
from eventflow.core.values import JSON, JobKind, Status
from eventflow.store.contract import DueJob, Operation, StoredEvent

Row = Sequence[Any]

SELECT_EVENTS = (
    "SELECT position, run_id, version, type, schema, data, recorded_at, actor, op_id, hash "
    "FROM events "
)
INSERT_EVENT = """
    INSERT INTO events (
        position, run_id, version, type, schema, data, recorded_at, actor, op_id, hash
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
SELECT_RUNS = (
    "SELECT run, run_id, workflow_id, status, priority, generation, version, fingerprint, "
    "metadata, created_at, started_at, ended_at, ai FROM runs "
)
INSERT_RUN = """
    INSERT INTO runs (
        run, run_id, workflow_id, status, priority, generation, version, fingerprint, metadata,
        created_at, started_at, ended_at, ai
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
UPDATE_RUN = """
    UPDATE runs SET status = ?, generation = ?, version = ?, fingerprint = ?, started_at = ?,
        ended_at = ?, ai = ? WHERE run = ?
"""
SELECT_STAGES = (
    "SELECT run, stage, stage_group, status, generation, attempt, started_at, ended_at FROM stages "
)
UPSERT_STAGE = """
    INSERT INTO stages (run, stage, stage_group, status, generation, attempt, started_at, ended_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET stage_group = excluded.stage_group, status = excluded.status,
        generation = excluded.generation, attempt = excluded.attempt,
        started_at = excluded.started_at, ended_at = excluded.ended_at
"""
SELECT_JOBS = "SELECT run, stage, kind, scheduled, due_at, token, leased FROM jobs "
# The age of a job is the position of the event that scheduled it; where the operation itself does
# not hold that event, it is looked up.
UPSERT_JOB = """
    INSERT INTO jobs (
        run, stage, workflow_id, priority, position, kind, scheduled, due_at, token, leased, ready
    ) VALUES (
        ?1, ?2, ?3, ?4,
        coalesce(?5, (SELECT position FROM events WHERE run_id = ?12 AND version = ?7), 0),
        ?6, ?7, ?8, ?9, ?10, ?11
    )
    ON CONFLICT DO UPDATE SET position = excluded.position, kind = excluded.kind,
        scheduled = excluded.scheduled, due_at = excluded.due_at, token = excluded.token,
        leased = excluded.leased, ready = excluded.ready, held_until = 0
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_json = msgspec.json.Encoder()
_sorted_json = msgspec.json.Encoder(order="sorted")
_ai = msgspec.json.Decoder(AISummary)


def microseconds(moment: datetime) -> int:
    """Write a time as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def _moment(value: int) -> datetime:
    return _EPOCH + timedelta(0, 0, value)


def _optional_microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _optional_moment(value: int | None) -> datetime | None:
    return None if value is None else _moment(value)


def _ai_text(summary: AISummary | None) -> str | None:
    return None if summary is None else _json.encode(summary).decode()


def label(key: str, value: JSON) -> bytes:
    """Digest a key of a run's metadata with its value; equal exactly when both are equal JSON."""
    return hashlib.sha256(_sorted_json.encode([key, value])).digest()[:16]


def event_row(position: int, event: StoredEvent) -> Row:
    """Lay out an event for `INSERT_EVENT`."""
    return (
        position,
        event.run_id,
        event.version,
        event.type,
        event.schema,
        event.data,
        microseconds(event.recorded_at),
        event.actor,
        event.op_id,
        event.hash,
    )


def event(row: Row) -> StoredEvent:
    """Read an event."""
    position, run_id, version, type_, schema, data, recorded_at, actor, op_id, hash_ = row
    return StoredEvent(
        run_id,
        version,
        type_,
        schema,
        data,
        _moment(recorded_at),
        actor,
        op_id,
        hash_,
        position,
    )


def run_row(run: int, row: RunRow) -> Row:
    """Lay out a new run for `INSERT_RUN`."""
    return (
        run,
        row.run_id,
        row.workflow_id,
        row.status.value,
        row.priority,
        row.generation,
        row.version,
        row.fingerprint,
        _json.encode(row.metadata).decode(),
        microseconds(row.created_at),
        _optional_microseconds(row.started_at),
        _optional_microseconds(row.ended_at),
        _ai_text(row.ai),
    )


def run_change(run: int, row: RunRow) -> Row:
    """Lay out what may change of a run for `UPDATE_RUN`."""
    return (
        row.status.value,
        row.generation,
        row.version,
        row.fingerprint,
        _optional_microseconds(row.started_at),
        _optional_microseconds(row.ended_at),
        _ai_text(row.ai),
        run,
    )


def run(row: Row) -> RunRow:
    """Read a run."""
    (_, run_id, workflow_id, status, priority, generation, version, fingerprint, metadata) = row[:9]
    created_at, started_at, ended_at, ai = row[9:]
    return RunRow(
        run_id,
        workflow_id,
        Status(status),
        priority,
        generation,
        version,
        fingerprint,
        msgspec.json.decode(metadata),
        _moment(created_at),
        _optional_moment(started_at),
        _optional_moment(ended_at),
        None if ai is None else _ai.decode(ai),
    )


def stage_row(run: int, row: StageRow) -> Row:
    """Lay out a stage for `UPSERT_STAGE`."""
    return (
        run,
        row.stage,
        row.group,
        row.status.value,
        row.generation,
        row.attempt,
        _optional_microseconds(row.started_at),
        _optional_microseconds(row.ended_at),
    )


def stage(row: Row) -> StageRow:
    """Read a stage."""
    _, name, group, status, generation, attempt, started_at, ended_at = row
    return StageRow(
        name,
        group,
        Status(status),
        generation,
        attempt,
        _optional_moment(started_at),
        _optional_moment(ended_at),
    )


def job_row(run: int, operation: Operation, row: JobRow, position: int | None) -> Row:
    """Lay out a job for `UPSERT_JOB`; the position, if known, is that of its scheduling event."""
    return (
        run,
        row.stage,
        operation.changes.run.workflow_id,
        operation.changes.run.priority,
        position,
        row.kind.value,
        row.scheduled,
        microseconds(row.due_at),
        row.token,
        row.leased,
        row.due_at <= operation.events[-1].recorded_at,
        operation.run_id,
    )


def job(row: Row) -> JobRow:
    """Read a job."""
    _, name, kind, scheduled, due_at, token, leased = row
    return JobRow(name, JobKind(kind), scheduled, _moment(due_at), token, bool(leased))


def due_job(row: Row) -> DueJob:
    """Read a job that is due."""
    run_id, name, version, token, leased = row
    return DueJob(run_id, name, version, token, bool(leased))
