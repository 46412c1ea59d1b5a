"""Copies a log to another store, event by event as it was written; it never encodes one again.

The target alone says how far the copy has come, so a copy that was cut off at any point is taken
up by calling again, and a run that went on in the source is caught up in the same way.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from eventflow.core.projection import changes
from eventflow.core.values import Status
from eventflow.engine.copied import CopiedRun, CopiedRuns
from eventflow.engine.keys import key_of_event
from eventflow.errors import CannotCopy, HistoryAltered
from eventflow.store.chain import follow
from eventflow.store.contract import (
    Appended,
    Conflict,
    DuplicateKey,
    Operation,
    Renewal,
    RunQuery,
    Store,
    StoredEvent,
    Verdict,
)
from eventflow.store.envelope import open_envelope

BATCH = 500
"""Events that are read at once, unless another number is given."""

ALIVE = tuple(status for status in Status if not status.ended)

_ROWS = 200


@frozen
class CopyReport:
    """How far a copy has come.

    Attributes:
        position: All events of the source up to this position are in the target.
        copied: How many events this call has appended.
        present: How many the target had already.
        runs: How many runs this call has created in the target.
    """

    position: int = 0
    copied: int = 0
    present: int = 0
    runs: int = 0


Progress: TypeAlias = Callable[[CopyReport], None]
"""Is told how far a copy has come, after each batch."""


async def copy_history(
    source: Store,
    target: Store,
    *,
    progress: Progress | None = None,
    batch: int = BATCH,
    after: int = 0,
) -> CopyReport:
    """Copy all runs of a store to another, until nothing new is found in the source.

    Each event arrives as it is: run id, version, bytes, time, actor, operation and hash; only its
    position is the target's own. Rows come from folding, and idempotency keys count as before.
    What workers have renewed is carried over at the end.

    Args:
        source: What to read. Nobody need stop; what is appended later takes a further call.
        target: Where to append; it may hold other runs, and the beginnings of these.
        progress: Is called after each batch.
        batch: How many events to read at once; an operation is never split.
        after: Begin behind this position of the source; what comes before it is in the target.

    Raises:
        CannotCopy: A run, or an idempotency key, is another one in the target; nothing of the
            target was overwritten.
        HistoryAltered: An event of the source does not fit; nothing from that batch on was
            written.
        StoreUnavailable: One of the stores is away; call again to go on.
        ValueError: `batch` is not at least 1.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one event, not {batch}")
    copier = _Copier(source, target, batch, CopyReport(position=after))
    while await copier.copy_batch():
        if progress is not None:
            progress(copier.report)
    await copier.carry_renewals()
    return copier.report


@define
class _Copier:
    """One copy under way.

    Attributes:
        left: The events of an operation whose end was not read yet.
    """

    source: Store
    target: Store
    batch: int
    report: CopyReport
    runs: CopiedRuns = field(init=False)
    left: list[StoredEvent] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.runs = CopiedRuns(self.target, from_the_start=self.report.position == 0)

    async def copy_batch(self) -> bool:
        """Read some events and append those that the target lacks; False if there were none."""
        events = await self._read()
        if not events:
            return False
        operations: list[Operation] = []
        await self.runs.meet([event.run_id for event in events])
        for operation in _operations(events):
            missing = await self._missing(operation)
            if missing:
                operations.append(await self._operation(missing))
        if operations:
            for operation, verdict in zip(
                operations, await self.target.append(operations), strict=True
            ):
                _refuse_unless_appended(operation, verdict)
        self.runs.forget_oldest()
        self._count(events, operations)
        return True

    async def carry_renewals(self) -> None:
        """Move due times as heartbeats and answered checks have moved them in the source.

        They leave no event. Where the run went on in either store, the token is another one, and
        nothing is moved.
        """
        query: RunQuery | None = RunQuery(statuses=ALIVE, limit=_ROWS)
        while query is not None:
            page = await self.source.runs(query)
            await self.target.renew(
                [
                    Renewal(rows.run.run_id, job.stage, job.token, job.due_at, leased=job.leased)
                    for rows in page.items
                    for job in rows.jobs
                    if job.token
                ]
            )
            query = evolve(query, after=page.next) if page.next is not None else None

    async def _read(self) -> list[StoredEvent]:
        """Read on, up to the end of an operation."""
        events, self.left = self.left, []
        position = events[-1].position if events else self.report.position
        while True:
            page = await self.source.read_all(position, self.batch)
            _refuse_gaps(page, position)
            events += page
            if len(page) < self.batch:
                return events
            position = page[-1].position
            last = _operation_of(page[-1])
            whole = len(events)
            while whole and _operation_of(events[whole - 1]) == last:
                whole -= 1
            if whole:
                self.left = events[whole:]
                return events[:whole]

    async def _missing(self, operation: Sequence[StoredEvent]) -> list[StoredEvent]:
        """Verify the events of an operation, and give those that the target does not have."""
        run = self.runs.of(operation[0].run_id)
        for event in operation:
            run.head = follow(event, run.run_id, run.version + 1, run.head)
            run.version += 1
            if not run.is_present(event):
                run.appended.append(event)
        return [event for event in operation if event.version > run.present]

    async def _operation(self, events: Sequence[StoredEvent]) -> Operation:
        """Build the operation that appends events to the target as they were appended before."""
        run = self.runs.of(events[0].run_id)
        raise NotImplementedError
