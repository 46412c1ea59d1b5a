"""From a history to spans of time: what each stage did when; it draws nothing."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from eventflow.core import events as e
from eventflow.core.values import JobKind


class Doing(StrEnum):
    """What a stage does during a span."""

    WAITING = "waiting"
    RUNNING = "running"
    SUSPENDED = "suspended"


class Outcome(StrEnum):
    """How a span ended."""

    OPEN = "open"
    NEXT = "next"
    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"


@frozen
class Span:
    """A stretch of time in which a stage did one thing; `end` is None while it goes on."""

    doing: Doing
    attempt: int
    begin: datetime
    end: datetime | None = None
    outcome: Outcome = Outcome.OPEN
    worker: str | None = None


@frozen
class Row:
    """The spans of one stage in one generation, in order.

    Attributes:
        stage: The stage.
        generation: The generation in which it was scheduled.
        spans: What it did.
        cut: Whether a rewind has cut it.
        progress: How far its current attempt is, as a fraction, if it told.
        message: What it said about that.
    """

    stage: str
    generation: int
    spans: tuple[Span, ...] = ()
    cut: bool = False
    progress: float | None = None
    message: str | None = None

    @property
    def last(self) -> Span | None:
        """The newest span."""
        return self.spans[-1] if self.spans else None


@define
class _Rows:
    """The rows so far, by stage and generation."""

    found: dict[tuple[str, int], Row] = field(factory=dict)

    def begin(self, stage: str, generation: int, span: Span) -> None:
        row = self.found.get((stage, generation), Row(stage, generation))
        self.found[stage, generation] = evolve(
            row, spans=(*row.spans, span), progress=None, message=None
        )

    def end(self, row: Row, at: datetime, outcome: Outcome) -> None:
        """End the newest span of a row, if it goes on."""
        if row.last is not None and row.last.outcome is Outcome.OPEN:
            ended = evolve(row.last, end=at, outcome=outcome)
            self.found[row.stage, row.generation] = evolve(row, spans=(*row.spans[:-1], ended))

    def end_all(self, at: datetime, outcome: Outcome) -> None:
        for row in list(self.found.values()):
            self.end(row, at, outcome)

    def of(self, event: "StageFact") -> Row:
        key = (event.stage, event.generation)
        return self.found.get(key, Row(*key))


StageFact: TypeAlias = (
    e.StageScheduled
    | e.JobClaimed
    | e.StageCompleted
    | e.StageAttemptFailed
    | e.StageFailed
    | e.StageSuspended
    | e.StageResumed
    | e.LeaseExpired
    | e.StageProgressed
)


BEGINS: Mapping[type[object], Doing] = MappingProxyType(
    {
        e.StageScheduled: Doing.WAITING,
        e.JobClaimed: Doing.RUNNING,
        e.StageAttemptFailed: Doing.WAITING,
        e.StageSuspended: Doing.SUSPENDED,
        e.StageResumed: Doing.WAITING,
        e.LeaseExpired: Doing.WAITING,
    }
)
"""What a stage does behind an event about its execution; nothing behind any other."""

ENDS_AS: Mapping[type[object], Outcome] = MappingProxyType(
    {
        e.StageCompleted: Outcome.COMPLETED,
        e.StageFailed: Outcome.FAILED,
        e.StageAttemptFailed: Outcome.FAILED,
        e.LeaseExpired: Outcome.LOST,
    }
)
"""How the span before it ends; otherwise the next one simply begins."""


def timeline(history: Iterable[e.Fact]) -> list[Row]:
    """Give the rows of a run, in the order in which their stages were scheduled."""
    rows = _Rows()
    for fact in history:
        event = fact.event
        if isinstance(event, StageFact):
            _of_stage(rows, event, fact.recorded_at)
        elif isinstance(event, e.RunCancelled):
            rows.end_all(fact.recorded_at, Outcome.CANCELLED)
        elif isinstance(event, e.RunRewound):
            _cut(rows, fact, event)
    return list(rows.found.values())


def _cut(rows: _Rows, fact: e.Fact, event: e.RunRewound) -> None:
    rows.end_all(fact.recorded_at, Outcome.CANCELLED)
    again = {stage.id for group in event.plan.groups[event.group - 1 :] for stage in group}
    for key, row in rows.found.items():
        if row.stage in again:
            rows.found[key] = evolve(row, cut=True)


def _of_stage(rows: _Rows, event: StageFact, at: datetime) -> None:
    if getattr(event, "kind", JobKind.EXECUTE) is JobKind.CHECK:
        return
    row = rows.of(event)
    if isinstance(event, e.StageProgressed):
        told = evolve(row, progress=event.fraction, message=event.message)
        rows.found[event.stage, event.generation] = told
        return
    rows.end(row, at, ENDS_AS.get(type(event), Outcome.NEXT))
    doing = BEGINS.get(type(event))
    if doing is not None:
        attempt = event.attempt + isinstance(event, e.StageAttemptFailed)
        worker = event.worker if isinstance(event, e.JobClaimed) else None
        rows.begin(event.stage, event.generation, Span(doing, attempt, at, worker=worker))
