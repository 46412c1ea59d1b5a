"""What one stage of a run is: a fold over its own events, which knows nothing of its siblings."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from attrs import field

from eventflow.core import events as e
from eventflow.core.change import Fields, changed
from eventflow.core.frozen import frozen
from eventflow.core.laws import stage_step
from eventflow.core.steps import NO_STEPS, Steps
from eventflow.core.values import JSON, ErrorInfo, JobKind, Status, WaitEnd

LEASE_LOST = ErrorInfo(
    "eventflow.LeaseExpired",
    "the worker stopped renewing its lease: its process died, hung, or lost the store",
)
"""The error of an attempt whose worker was not heard of again."""


@frozen
class Claim:
    """Who holds a job; `lease_until` is as of the claim, since renewals leave no event."""

    token: int
    worker: str
    kind: JobKind
    lease_until: datetime


@frozen(slots=False)
class Suspension:
    """What a suspended stage waits for, and what becomes of it at its deadline.

    `failures` counts the checks that failed since the last one that gave an answer.
    """

    state: JSON
    since: datetime
    check_at: datetime | None
    deadline: datetime
    signal: str | None
    then: WaitEnd = WaitEnd.FAIL
    output: JSON = None
    failures: int = 0

    @property
    def asleep(self) -> bool:
        """Whether nothing but its time wakes it."""
        return self.check_at is None and self.signal is None


@frozen
class Resumption:
    """With what a suspended stage is executed again; `signal` is the version of what woke it."""

    state: JSON
    signal: int | None


@frozen(slots=False)
class StageState:
    """One stage of a run, from the moment it was scheduled.

    Attributes:
        id: The stage.
        group: Its execution group.
        generation: The generation of the run in which it was scheduled.
        scheduled: The version of the event that scheduled it; 0 if a fork carried it over.
        status: What it is now.
        attempt: The current attempt, from 1.
        due_at: When the next attempt or check may begin; while it is claimed, the lease's end.
        claim: Who works on it.
        suspension: What it waits for, also while a check is under way.
        resumption: With what it is executed again after a suspension.
        started_at: When its first attempt was claimed.
        ended_at: When it completed, failed or was cancelled.
        ended: The version of the event that ended it; 0 while it is alive.
        output: What it returned.
        metrics: What it measured.
        artifacts: What it made.
        steps: The outputs of its durable steps in this generation, by name.
        error: The last error, also of an attempt that is made again.
    """

    id: str
    group: int
    generation: int
    scheduled: int
    status: Status
    attempt: int
    due_at: datetime | None
    claim: Claim | None = None
    suspension: Suspension | None = None
    resumption: Resumption | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended: int = 0
    output: JSON = None
    metrics: Mapping[str, JSON] = field(factory=dict)
    artifacts: Mapping[str, JSON] = field(factory=dict)
    steps: Steps = NO_STEPS
    error: ErrorInfo | None = None

    @property
    def alive(self) -> bool:
        """Whether something is still to come from this stage."""
        return not self.ended

    @property
    def job(self) -> JobKind:
        """What there is to do for it while it is alive."""
        return JobKind.EXECUTE if self.suspension is None else JobKind.CHECK


Move: TypeAlias = (
    e.JobClaimed
    | e.StageCompleted
    | e.StageAttemptFailed
    | e.StageFailed
    | e.StageSuspended
    | e.StageResumed
    | e.LeaseExpired
)
"""What moves a stage that was scheduled on."""

StageEvent: TypeAlias = Move | e.StepCompleted
"""What can happen to a stage that was scheduled."""


def scheduled(event: e.StageScheduled, fact: e.Fact) -> StageState:
    """Begin the life of a stage."""
    return StageState(
        id=event.stage,
        group=event.group,
        generation=event.generation,
        scheduled=fact.version,
        status=Status.PENDING,
        attempt=event.attempt,
        due_at=event.due_at,
    )


def carried_over(stage_id: str, group: int, output: JSON, fact: e.Fact) -> StageState:
    """Take over a stage that completed in the run that a fork continues."""
    return StageState(
        id=stage_id,
        group=group,
        generation=0,
        scheduled=0,
        status=Status.COMPLETED,
        attempt=0,
        due_at=None,
        ended_at=fact.recorded_at,
        ended=fact.version,
        output=output,
    )


def evolve_stage(stage: StageState, event: StageEvent, fact: e.Fact) -> StageState:
    """Fold one more event into the state of the stage that it speaks about."""
    kind = getattr(event, "kind", None)
    status = stage_step(stage.status, event, kind)
    if isinstance(event, e.StepCompleted):
        return changed(stage, steps=stage.steps.adding(event.name, event.output))
    return changed(stage, **_fold(stage, event, fact), status=status)


def _fold(stage: StageState, event: Move, fact: e.Fact) -> Fields:
    """Choose the fold of an event by its class; the status comes from the table."""
    match event:
        case e.JobClaimed():
            return _claimed(stage, event, fact)
        case e.StageCompleted():
            return _completed(event, fact)
        case e.StageFailed():
            return {**_over(fact), "attempt": event.attempt, "error": event.error}
        case e.StageAttemptFailed():
            return _attempt_failed(stage, event)
        case e.StageSuspended():
            return _suspended(event, fact)
        case e.StageResumed():
            return _resumed(stage, event, fact)
        case e.LeaseExpired():
            return _lease_expired(stage, event, fact)
        case _:
            assert_never(event)


def ended(status: Status, fact: e.Fact) -> Fields:
    """End the life of a stage in this status: nothing is due of it any more."""
    return {**_over(fact), "status": status}


def _over(fact: e.Fact) -> Fields:
    return {
        "claim": None,
        "suspension": None,
        "resumption": None,
        "due_at": None,
        "ended_at": fact.recorded_at,
        "ended": fact.version,
    }


def _claimed(stage: StageState, event: e.JobClaimed, fact: e.Fact) -> Fields:
    """Hand the job out; a claim that nothing has ended was given back by a check still pending."""
    lease_until = fact.recorded_at + timedelta(seconds=event.lease)
    waiting = stage.suspension
    if waiting is not None and waiting.failures and stage.claim is not None:
        waiting = changed(waiting, failures=0)
    return {
        "suspension": waiting,
        "claim": Claim(fact.version, event.worker, event.kind, lease_until),
        "due_at": lease_until,
        "started_at": stage.started_at or fact.recorded_at,
    }


def _completed(event: e.StageCompleted, fact: e.Fact) -> Fields:
    return {
        **_over(fact),
        "output": event.output,
        "metrics": event.metrics,
        "artifacts": event.artifacts,
        "error": None,
    }


def _attempt_failed(stage: StageState, event: e.StageAttemptFailed) -> Fields:
    """Wait for the next attempt; after a failed check the stage stays suspended."""
    failed: Fields = {"claim": None, "due_at": event.retry_at, "error": event.error}
    if event.kind is JobKind.CHECK:
        return {**failed, "suspension": _one_more_failure(stage.suspension)}
    return {**failed, "suspension": None, "attempt": event.attempt + 1}


def _one_more_failure(suspension: Suspension | None) -> Suspension | None:
    return suspension and changed(suspension, failures=suspension.failures + 1)


def _suspended(event: e.StageSuspended, fact: e.Fact) -> Fields:
    suspension = Suspension(
        state=event.state,
        since=fact.recorded_at,
        check_at=event.check_at,
        deadline=event.deadline,
        signal=event.signal,
        then=event.then,
        output=event.output,
    )
    return {
        "claim": None,
        "suspension": suspension,
        "resumption": None,
        "due_at": event.check_at or event.deadline,
        "error": None,
    }


def _resumed(stage: StageState, event: e.StageResumed, fact: e.Fact) -> Fields:
    state = stage.suspension.state if stage.suspension else None
    return {
        "claim": None,
        "suspension": None,
        "resumption": Resumption(state, event.signal),
        "due_at": fact.recorded_at,
        "error": None,
    }


def _lease_expired(stage: StageState, event: e.LeaseExpired, fact: e.Fact) -> Fields:
    """Make the job due again at once; only a timeout has used something up."""
    freed: Fields = {"claim": None, "due_at": fact.recorded_at}
    if event.reason == e.LEASE_RELEASED:
        return freed
    freed["error"] = LEASE_LOST
    if event.kind is JobKind.CHECK:
        return {**freed, "suspension": _one_more_failure(stage.suspension)}
    return {**freed, "attempt": event.attempt + 1}
