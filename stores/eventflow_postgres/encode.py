"""Turns operations into the arrays of the append function; it decides nothing."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from eventflow.core.projection import Changes, JobRow, RunRow, StageRow
from eventflow.core.values import JSON
from eventflow.store.contract import Operation, StoredEvent
from eventflow.store.plain_text import plain_text
from eventflow_postgres.text import escaped

_OPERATION = (
    *("text", "text", "bigint", "bigint", "text"),
    *("text", "text", "bigint", "bigint", "text", "text"),
    *("timestamptz", "timestamptz", "timestamptz", "text"),
)
_LABEL = ("integer", "text", "bytea")
_EVENT = (
    *("integer", "text", "bigint", "text", "integer"),
    *("bytea", "timestamptz", "text", "text", "bytea"),
)
_STAGE = (
    *("integer", "text", "text", "boolean"),
    *("bigint", "text", "bigint", "bigint", "timestamptz", "timestamptz"),
)
_JOB = (
    *("integer", "text", "text", "boolean", "text", "bigint", "text"),
    *("bigint", "timestamptz", "bigint", "boolean", "boolean"),
)

PLACES = ", ".join(
    f"${number}" if kind == "bytea" else f"${number}::text::{kind}[]"
    for number, kind in enumerate((*_OPERATION, *_LABEL, *_EVENT, *_STAGE, *_JOB), start=1)
)
"""Where the append function takes what `arrays` gives."""
_json = msgspec.json.Encoder(enc_hook=plain_text)
_sorted_json = msgspec.json.Encoder(order="sorted")

_escapes = re.compile(r'\\(["\\]|u....|.)')

Row = tuple[object, ...]
Column = str | Sequence[object]
"""The literal of an array, or bytes, one by one."""


def arrays(operations: Sequence[Operation]) -> list[Column]:
    """Lay out a batch as columns, in the order of the function's arguments."""
    numbered = list(enumerate(operations, start=1))
    return [
        *_columns([_operation(op) for op in operations], _OPERATION),
        *_columns([row for n, op in numbered for row in _labels(n, op)], _LABEL),
        *_columns([_event(n, e) for n, op in numbered for e in op.events], _EVENT),
        *_columns([row for n, op in numbered for row in _stages(n, op)], _STAGE),
        *_columns([row for n, op in numbered for row in _jobs(n, op)], _JOB),
    ]


def label(key: str, value: JSON) -> bytes:
    """Digest a key of a run's metadata with its value; equal exactly when both are equal."""
    return hashlib.sha256(_sorted_json.encode([key, value])).digest()[:16]


def _columns(rows: Sequence[Row], kinds: Sequence[str]) -> list[Column]:
    columns: Iterable[Sequence[object]] = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return [
        column if kind == "bytea" else _literal(column)
        for kind, column in zip(kinds, columns, strict=True)
    ]


def _literal(column: Sequence[object]) -> str:
    """Write an array as PostgreSQL reads it: almost as JSON, but it knows two escapes only.

    The driver looks at each element of an array several times; this takes a quarter of the time.
    """
    text = _json.encode(column).decode()
    if "\\" in text:
        text = _escapes.sub(_literal_escape, text)
    return f"{{{text[1:-1]}}}"


def _literal_escape(escape: re.Match[str]) -> str:
    if escape[1] in ('"', "\\"):
        return escape[0]
    character: str = msgspec.json.decode(f'"{escape[0]}"')
    return character


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
