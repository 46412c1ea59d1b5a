"""Turns records of the database into the types of the contract; it decides nothing."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, assert_never

import msgspec
from asyncpg import Record

from eventflow.core.ai import AISummary
from eventflow.core.projection import JobRow, Projection, RunRow, StageRow
from eventflow.core.values import JobKind, Status
from eventflow.store.contract import (
    Appended,
    Conflict,
    DueJob,
    DuplicateKey,
    StoredEvent,
    Verdict,
)
from eventflow_postgres.text import unescaped

_ai = msgspec.json.Decoder(AISummary)


class Kind(IntEnum):
    """What the append function answers for one operation."""

    APPENDED = 0
    CONFLICT = 1
    DUPLICATE_KEY = 2


def verdicts(answer: Record) -> list[Verdict]:
    """Read the verdicts of a batch, in order."""
    columns = (answer["kinds"], answer["reached"], answer["places"], answer["owners"])
    return [_verdict(Kind(kind), *rest) for kind, *rest in zip(*columns, strict=True)]


def _verdict(kind: Kind, version: int, position: int, owner: str) -> Verdict:
    match kind:
        case Kind.APPENDED:
            return Appended(version, position)
        case Kind.CONFLICT:
            return Conflict(version)
        case Kind.DUPLICATE_KEY:
            return DuplicateKey(owner)
        case _:
            assert_never(kind)


def event(record: Record) -> StoredEvent:
    """Read one event."""
    position, run_id, version, type_, schema, data, recorded_at, actor, op_id, hash_ = (
        record.values()
    )
    return StoredEvent(
        run_id,
        version,
        type_,
        schema,
        data,
        recorded_at,
        unescaped(actor) if actor is not None else None,
        op_id,
        hash_,
        position,
    )


def due_job(record: Record) -> DueJob:
    """Read one job that is due."""
    return DueJob(
        record["run_id"], record["stage"], record["version"], record["token"], record["leased"]
    )


def projection(record: Record) -> Projection:
    """Read all rows of one run."""
    return Projection(
        run=RunRow(
            run_id=record["run_id"],
            workflow_id=record["workflow_id"],
            status=Status(record["status"]),
            priority=record["priority"],
            generation=record["generation"],
            version=record["version"],
            fingerprint=record["fingerprint"],
            metadata=msgspec.json.decode(record["metadata"]),
            created_at=record["created_at"],
            started_at=record["started_at"],
            ended_at=record["ended_at"],
            ai=None if record["ai"] is None else _ai.decode(record["ai"]),
        ),
        stages=tuple(_stage(row) for row in record["stages"]),
        jobs=tuple(job(row) for row in record["jobs"]),
    )


def _stage(row: Sequence[Any]) -> StageRow:
    stage, group, status, generation, attempt, started_at, ended_at = row
    return StageRow(stage, group, Status(status), generation, attempt, started_at, ended_at)


def job(row: Sequence[Any]) -> JobRow:
    """Read a job."""
    stage, kind, scheduled, due_at, token, leased = row
    return JobRow(stage, JobKind(kind), scheduled, due_at, token, leased)
