"""Turns operations into the arrays of the append function; it decides nothing."""

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from eventflow.core.projection import Changes, JobRow, RunRow, StageRow
from eventflow.core.values import JSON
from eventflow.store.contract import Operation, StoredEvent
from eventflow_postgres.text import escaped

_OPERATION_COLUMNS = 15
_LABEL_COLUMNS = 3
_EVENT_COLUMNS = 10
_STAGE_COLUMNS = 10
_JOB_COLUMNS = 12

ARGUMENTS = _OPERATION_COLUMNS + _LABEL_COLUMNS + _EVENT_COLUMNS + _STAGE_COLUMNS + _JOB_COLUMNS
"""How many arrays the append function takes."""

_json = msgspec.json.Encoder()
_sorted_json = msgspec.json.Encoder(order="sorted")

Row = tuple[object, ...]


def arrays(operations: Sequence[Operation]) -> list[Sequence[object]]:
    """Lay out a batch as columns, in the order of the function's arguments."""
    numbered = list(enumerate(operations, start=1))
    return [
        *_columns([_operation(op) for op in operations], _OPERATION_COLUMNS),
        *_columns([row for n, op in numbered for row in _labels(n, op)], _LABEL_COLUMNS),
        *_columns([_event(n, e) for n, op in numbered for e in op.events], _EVENT_COLUMNS),
        *_columns([row for n, op in numbered for row in _stages(n, op)], _STAGE_COLUMNS),
        *_columns([row for n, op in numbered for row in _jobs(n, op)], _JOB_COLUMNS),
    ]


def label(key: str, value: JSON) -> bytes:
    """Digest a key of a run's metadata with its value; equal exactly when both are equal."""
    return hashlib.sha256(_sorted_json.encode([key, value])).digest()[:16]


def _columns(rows: Sequence[Row], width: int) -> Iterator[Sequence[object]]:
    return zip(*rows, strict=True) if rows else iter([()] * width)


def _operation(operation: Operation) -> Row:
    run = operation.changes.run
    key = operation.idempotency_key
    return (
        operation.op_id,
        operation.run_id,
        operation.expected,
        len(operation.events),
        escaped(key) if key is not None else None,
        run.workflow_id,
        run.status.value,
        run.priority,
        run.generation,
        run.fingerprint,
        metadata_json(run) if operation.expected == 0 else None,
        run.created_at,
        run.started_at,
        run.ended_at,
        ai_json(run),
    )


def metadata_json(run: RunRow) -> str:
    """Write what the application attached to a run."""
    return _json.encode(run.metadata).decode()


def ai_json(run: RunRow) -> str | None:
    """Write what the calls of models of a run came to, if there were any."""
    return _json.encode(run.ai).decode() if run.ai is not None else None


def _labels(number: int, operation: Operation) -> Iterator[Row]:
    if operation.expected == 0:
        for key, value in operation.changes.run.metadata.items():
            yield number, operation.run_id, label(key, value)


def _event(number: int, event: StoredEvent) -> Row:
    return (
        number,
        event.run_id,
        event.version,
        event.type,
        event.schema,
        event.data,
        event.recorded_at,
        escaped(event.actor) if event.actor is not None else None,
        event.op_id,
        event.hash,
    )


def _stages(number: int, operation: Operation) -> Iterator[Row]:
    changes = operation.changes
    for stage in changes.dropped_stages:
        yield (number, operation.run_id, stage, True, *[None] * 6)
    for row in changes.stages:
        yield (number, operation.run_id, row.stage, False, *stage_row(row))


def stage_row(row: StageRow) -> Row:
    """Lay out what may change of a stage."""
    return (
        row.group,
        row.status.value,
        row.generation,
        row.attempt,
        row.started_at,
        row.ended_at,
    )


def _jobs(number: int, operation: Operation) -> Iterator[Row]:
    changes = operation.changes
    for stage in changes.dropped_jobs:
        yield (number, operation.run_id, stage, True, *[None] * 8)
    for row in changes.jobs:
        yield (number, operation.run_id, row.stage, False, *job_row(row, changes, operation.events))


def job_row(row: JobRow, changes: Changes, events: Sequence[StoredEvent]) -> Row:
    """Lay out a job, without the position of the event that scheduled it."""
    return (
        changes.run.workflow_id,
        changes.run.priority,
        row.kind.value,
        row.scheduled,
        row.due_at,
        row.token,
        row.leased,
        row.due_at <= events[-1].recorded_at,
    )
