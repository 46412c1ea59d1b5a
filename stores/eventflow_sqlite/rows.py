"""Turns the types of the contract into values of SQLite and back, exactly; it decides nothing.

The columns are those of `append.sql`, in its order.
"""

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
Piece = tuple[int, int]
"""The offset of some bytes, from 1, and their length."""

SELECT_EVENTS = (
    "SELECT position, run_id, version, type, schema, data, recorded_at, actor, op_id, hash "
    "FROM events "
)
SELECT_RUNS = (
    "SELECT run, run_id, workflow_id, status, priority, generation, version, fingerprint, "
    "metadata, created_at, started_at, ended_at, ai FROM runs "
)
SELECT_STAGES = (
    "SELECT run, stage, stage_group, status, generation, attempt, started_at, ended_at FROM stages "
)
SELECT_JOBS = "SELECT run, stage, kind, scheduled, due_at, token, leased FROM jobs "

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


def event_row(event: StoredEvent, data: Piece, hash_: Piece) -> Row:
    """Lay out an event, and say where its bytes are."""
    return (
        event.run_id,
        event.version,
        event.type,
        event.schema,
        *data,
        microseconds(event.recorded_at),
        event.actor,
        event.op_id,
        *hash_,
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


def run_row(row: RunRow) -> Row:
    """Lay out a new run."""
    return (
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


def run_change(row: RunRow) -> Row:
    """Lay out what may change of a run."""
    return (
        row.run_id,
        row.status.value,
        row.generation,
        row.version,
        row.fingerprint,
        _optional_microseconds(row.started_at),
        _optional_microseconds(row.ended_at),
        _ai_text(row.ai),
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


def stage_row(run_id: str, row: StageRow) -> Row:
    """Lay out a stage."""
    return (
        run_id,
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


def job_row(operation: Operation, row: JobRow) -> Row:
    """Lay out a job."""
    return (
        operation.run_id,
        row.stage,
        row.kind.value,
        row.scheduled,
        microseconds(row.due_at),
        row.token,
        row.leased,
        row.due_at <= operation.events[-1].recorded_at,
    )


def job(row: Row) -> JobRow:
    """Read a job."""
    _, name, kind, scheduled, due_at, token, leased = row
    return JobRow(name, JobKind(kind), scheduled, _moment(due_at), token, bool(leased))


def due_job(row: Row) -> DueJob:
    """Read a job that is due."""
    run_id, name, version, token, leased = row
    return DueJob(run_id, name, version, token, bool(leased))
