"""Rows derived from a state, so that questions need no fold: a pure function, and its difference.

Rows are narrow: no inputs, no outputs, no payloads. A store writes them and serves them; it never
computes one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from eventflow.core.ai import AISummary
from eventflow.core.frozen import frozen
from eventflow.core.spending import summary
from eventflow.core.stage import StageState
from eventflow.core.state import RunState
from eventflow.core.values import JSON, JobKind, Status


@frozen
class RunRow:
    """One run. `metadata`, `workflow_id` and `priority` never change after the first version.

    `ai` is None for a run that called no model.
    """

    run_id: str
    workflow_id: str
    status: Status
    priority: int
    generation: int
    version: int
    fingerprint: str
    metadata: Mapping[str, JSON]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    ai: AISummary | None = None


@frozen
class StageRow:
    """One stage of a run that was scheduled, or carried over by a fork."""

    stage: str
    group: int
    status: Status
    generation: int
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None


@frozen
class JobRow:
    """One thing to do for a stage that is alive.

    Attributes:
        stage: The stage.
        kind: What there is to do.
        scheduled: The version of the event that scheduled the stage. The position of that event
            is the age of the job.
        due_at: When it may be claimed: the retry, the check, or the end of the lease.
        token: The last claim of the current wait or attempt, or 0.
        leased: Whether that claim holds until `due_at`. A store sets it to false when a check
            gives its claim back by a renewal.
    """

    stage: str
    kind: JobKind
    scheduled: int
    due_at: datetime
    token: int
    leased: bool


@frozen
class Projection:
    """All rows of one run."""

    run: RunRow
    stages: tuple[StageRow, ...]
    jobs: tuple[JobRow, ...]


@frozen
class Changes:
    """The rows to write, and the stage ids whose rows go away."""

    run: RunRow
    stages: tuple[StageRow, ...] = ()
    jobs: tuple[JobRow, ...] = ()
    dropped_stages: tuple[str, ...] = ()
    dropped_jobs: tuple[str, ...] = ()


def project(state: RunState) -> Projection:
    """Derive all rows of a run from its state."""
    stages = state.stages.values()
    return Projection(
        run=_run_row(state),
        stages=tuple(_stage_row(stage) for stage in stages),
        jobs=_job_rows(stages),
    )


def changes(before: RunState | None, after: RunState) -> Changes:
    """Derive only the rows that differ between two states of one run."""
    old: Mapping[str, StageState] = before.stages if before is not None else {}
    touched = [stage for stage in after.stages.values() if _differs(old.get(stage.id), stage)]
    gone = [stage for stage in old.values() if stage.id not in after.stages]
    closed = [stage for stage in touched if not stage.alive and stage.id in old]
    return Changes(
        run=_run_row(after),
        stages=tuple([_stage_row(stage) for stage in touched]),
        jobs=_job_rows(touched),
        dropped_stages=tuple([stage.id for stage in gone]),
        dropped_jobs=tuple([stage.id for stage in (*gone, *closed) if old[stage.id].alive]),
    )


def _differs(old: StageState | None, stage: StageState) -> bool:
    """Tell whether the rows of a stage differ.

    Steps are in no row. A stage that only completed some keeps its job's row as it is, whose due
    time renewals have moved since the claim.
    """
    if old is None or old is stage or old.steps is stage.steps:
        return old is not stage
    return _stage_row(old) != _stage_row(stage) or _job_rows([old]) != _job_rows([stage])


def _run_row(state: RunState) -> RunRow:
    return RunRow(
        run_id=state.run_id,
        workflow_id=state.workflow_id,
        status=state.status,
        priority=state.priority,
        generation=state.generation,
        version=state.version,
        fingerprint=state.plan.fingerprint,
        metadata=state.metadata,
        created_at=state.created_at,
        started_at=state.started_at,
        ended_at=state.ending.at if state.ending is not None else None,
        ai=summary(state.ai),
    )


def _stage_row(stage: StageState) -> StageRow:
    return StageRow(
        stage=stage.id,
        group=stage.group,
        status=stage.status,
        generation=stage.generation,
        attempt=stage.attempt,
        started_at=stage.started_at,
        ended_at=stage.ended_at,
    )


def _job_rows(stages: Iterable[StageState]) -> tuple[JobRow, ...]:
    return tuple([_job_row(stage, stage.due_at) for stage in stages if stage.due_at is not None])


def _job_row(stage: StageState, due_at: datetime) -> JobRow:
    claim = stage.claim
    return JobRow(
        stage=stage.id,
        kind=stage.job,
        scheduled=stage.scheduled,
        due_at=due_at,
        token=claim.token if claim is not None else 0,
        leased=claim is not None,
    )
