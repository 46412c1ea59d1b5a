"""Builds operations by hand for tests of this store alone; the hashes are not those of a chain."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eventflow.core.projection import Changes, JobRow, RunRow, StageRow
from eventflow.core.values import JSON, JobKind, Status
from eventflow.store.contract import Operation, StoredEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """Draw an id."""
    return str(uuid.uuid4())


def after(seconds: float) -> datetime:
    """Give a time some seconds after the start of all tests."""
    return START + timedelta(seconds=seconds)


def run_row(run_id: str, version: int, **other: object) -> RunRow:
    """Build the row of a run."""
    values: dict[str, object] = {
        "workflow_id": "analysis",
        "status": Status.PENDING,
        "priority": 5,
        "generation": 0,
        "fingerprint": "f" * 16,
        "metadata": {},
        "created_at": START,
        "started_at": None,
        "ended_at": None,
    }
    return RunRow(run_id=run_id, version=version, **(values | other))  # type: ignore[arg-type]


def job(stage: str, scheduled: int, *, due: float = 0, token: int = 0) -> JobRow:
    """Build the row of a job; with a token it is claimed."""
    return JobRow(stage, JobKind.EXECUTE, scheduled, after(due), token, leased=token > 0)


def operation(
    run_id: str,
    expected: int,
    events: int = 1,
    *,
    op_id: str | None = None,
    key: str | None = None,
    jobs: Sequence[JobRow] = (),
    stages: Sequence[str] = (),
    dropped_jobs: Sequence[str] = (),
    metadata: dict[str, JSON] | None = None,
    size: int = 100,
    actor: str | None = "tester",
    **run: object,
) -> Operation:
    """Build an operation with events that hold nothing of interest."""
    op_id = op_id or new_id()
    last = expected + events
    return Operation(
        op_id=op_id,
        run_id=run_id,
        expected=expected,
        events=tuple(
            StoredEvent(
                run_id=run_id,
                version=version,
                type="stage.logged",
                schema=1,
                data=b'{"message":"' + b"x" * size + b'"}',
                recorded_at=START,
                actor=actor,
                op_id=op_id,
                hash=version.to_bytes(32, "big"),
            )
            for version in range(expected + 1, last + 1)
        ),
        changes=Changes(
            run=run_row(run_id, last, metadata=metadata or {}, **run),
            stages=tuple(StageRow(stage, 1, Status.RUNNING, 0, 1, START, None) for stage in stages),
            jobs=tuple(jobs),
            dropped_jobs=tuple(dropped_jobs),
        ),
        idempotency_key=key,
    )
