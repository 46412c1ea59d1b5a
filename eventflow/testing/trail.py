"""What must hold for each event of a run behind those before it; the checker reads the log to it.

It never stops at what is wrong: it notes the finding, and goes on as far as the run can be folded.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import frozen

from eventflow.core import events as e
from eventflow.core.stage import StageState
from eventflow.core.state import RunState, evolve
from eventflow.errors import HistoryAltered
from eventflow.store.chain import GENESIS, event_hash
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import Envelope, open_envelope
from eventflow.testing import log_laws as laws

EARLIEST = datetime.min.replace(tzinfo=UTC)

Result: TypeAlias = (
    e.StageCompleted
    | e.StepCompleted
    | e.StageAttemptFailed
    | e.StageFailed
    | e.StageSuspended
    | e.LeaseExpired
)
"""What comes of a claim, and carries its token."""

AFTER_THE_END = (e.RunRewound, e.Note, e.UnknownEvent)
"""What may follow the end of a run."""


@frozen
class Finding:
    """Something in a log that must never be.

    Attributes:
        run_id: The run.
        version: The event of the run; 0 if it is none, but the run as a whole.
        what: What is wrong.
    """

    run_id: str
    version: int
    what: str

    def __str__(self) -> str:
        place = f"run {self.run_id}" + (f", version {self.version}" if self.version else "")
        return f"{place}: {self.what}"


class Trail:
    """One run as its events pass by, one after the other.

    Attributes:
        run_id: The run.
        version: The version of the last event.
        head: The hash of the last event, as it is stored.
        state: The fold of all events so far; None if they cannot be folded.
    """

    __slots__ = (
        "_completed",
        "_expired",
        "_op_id",
        "_recorded",
        "_time",
        "head",
        "run_id",
        "state",
        "version",
    )

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.version = 0
        self.head = GENESIS
        self.state: RunState | None = None
        self._time = EARLIEST
        self._op_id: str | None = None
        self._completed: set[tuple[str, int]] = set()
        self._recorded: set[int] = set()
        self._expired: e.LeaseExpired | None = None

    def follow(self, stored: StoredEvent) -> Iterator[Finding]:
        """Go on with the next event, and yield what is wrong with it."""
        for what in self._follow(stored):
            yield Finding(self.run_id, stored.version, what)

    def end(self) -> Iterator[Finding]:
        """Yield what is wrong with the run as the last event has left it."""
        if self.state is not None:
            for what in laws.unheard(self.state):
                yield Finding(self.run_id, self.version, what)

    def _follow(self, stored: StoredEvent) -> Iterator[str]:
        yield from self._place(stored)
        self.version, self.head = stored.version, stored.hash
        self._time = max(self._time, stored.recorded_at)
        if self.state is None and stored.version > 1:
            return
        try:
            envelope = open_envelope(stored)
        except HistoryAltered as error:
            self.state = None
            yield f"it cannot be read: {error}"
            return
        if self.state is not None:
            if stored.op_id != self._op_id:
                yield from laws.unheard(self.state)
            yield from self._laws(self.state, envelope)
        self._op_id = stored.op_id
        yield from self._fold(envelope)

    def _place(self, stored: StoredEvent) -> Iterator[str]:
        """Check number, time and hash, for which nothing needs to be read."""
        if stored.version != self.version + 1:
            yield f"version {self.version} stands before it"
        if stored.recorded_at < self._time:
            yield f"it was recorded at {stored.recorded_at}, after an event of {self._time}"
        expected = event_hash(
            self.head,
            run_id=stored.run_id,
            version=stored.version,
            type=stored.type,
            schema=stored.schema,
            data=stored.data,
            recorded_at=stored.recorded_at,
            actor=stored.actor,
            op_id=stored.op_id,
        )
        if stored.hash != expected:
            yield "its hash is not that of this event behind the one before it"

    def _fold(self, envelope: Envelope) -> Iterator[str]:
        try:
            self.state = evolve(self.state, envelope)
        except (ValueError, KeyError) as error:
            self.state = None
            yield f"it cannot be folded: {error}"

    def _laws(self, run: RunState, envelope: Envelope) -> Iterator[str]:
        """Check an event against the state of the run before it."""
        event = envelope.event
        if run.ending is not None and not isinstance(event, AFTER_THE_END):
            yield f"{envelope.type} of a run that was {run.status} at version {run.ending.version}"
        if isinstance(event, e.StageCompleted):
            yield from self._once(event)
        if isinstance(event, Result):
            yield from self._fencing(run.stages.get(event.stage), event)
        if isinstance(event, Result | e.JobClaimed | e.StageScheduled | e.StageResumed):
            yield from laws.generation(run, event.generation)
        if not run.unknown:
            yield from laws.broken(run, event, envelope.recorded_at)
        yield from self._twice(event)
        self._expired = event if isinstance(event, e.LeaseExpired) else None

    def _once(self, event: e.StageCompleted) -> Iterator[str]:
        key = event.stage, event.generation
        if key in self._completed:
            yield f'stage "{event.stage}" completed before in generation {event.generation}'
        self._completed.add(key)

    def _twice(self, event: e.Event) -> Iterator[str]:
        """Check that no result is recorded, and then discarded as well."""
        match event:
            case e.StageCompleted() | e.StageAttemptFailed() | e.StageSuspended():
                self._recorded.add(event.token)
            case e.ResultDiscarded() if event.token in self._recorded:
                yield f"the result of claim {event.token} was recorded before it was discarded"
            case _:
                pass

    def _fencing(self, stage: StageState | None, event: Result) -> Iterator[str]:
        """Check that a result comes from the claim that held, or had expired one event before."""
        claimed = stage.claim.token if stage is not None and stage.claim is not None else 0
        expired = self._expired
        if isinstance(event, e.StageFailed) and expired is not None and not claimed:
            claimed = expired.token if expired.stage == event.stage else 0
        if event.token != claimed:
            yield f'token {event.token} for stage "{event.stage}", whose claim was {claimed}'
