"""Copies a log to another store, event by event as it was written; it never encodes one again.

The target alone says how far a copy has come, so one that was cut off at any point is taken up by
calling again, and runs that went on in the source are caught up in the same way.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from typing import TypeAlias

from attrs import evolve

from eventflow.core.frozen import frozen
from eventflow.core.values import Status
from eventflow.engine.alike import Alike
from eventflow.engine.appending import append_again
from eventflow.engine.carrying import carry_blobs
from eventflow.engine.copied import CopiedRuns
from eventflow.engine.own_runs import holds_positions
from eventflow.errors import Alteration, HistoryAltered
from eventflow.store.contract import Operation, Renewal, RunQuery, Store, StoredEvent

BATCH = 500
"""How many events are read at once, unless another number is given."""

_ALIVE = tuple(status for status in Status if not status.ended)
_ROWS = 200

Events: TypeAlias = Sequence[StoredEvent]


@frozen
class CopyReport:
    """How far a copy has come.

    Attributes:
        position: Everything in the source up to this position is in the target.
        copied: How many events this call has appended.
        present: How many events the target had already.
        runs: How many runs this call has created in the target.
        blobs: How many blobs this call has copied.
        left_out: How many events of subscriptions were not copied, since the positions of the
            target are others, of which their cursors would not be true.
    """

    position: int = 0
    copied: int = 0
    present: int = 0
    runs: int = 0
    blobs: int = 0
    left_out: int = 0


Progress: TypeAlias = Callable[[CopyReport], object]
"""Is told how far a copy has come, after each batch."""


async def copy_history(
    source: Store,
    target: Store,
    *,
    progress: Progress | None = None,
    batch: int = BATCH,
    after: int = 0,
    capacity: int = 1_000,
) -> CopyReport:
    """Copy all runs to another store, until the source has nothing more.

    Each event arrives as it is: run id, version, bytes, time, actor, operation and hash; only its
    position is the target's own. Rows come from folding, and idempotency keys count as before.
    What workers have renewed, which no event tells, is carried over at the end. Blobs are copied
    before the events that refer to them.

    Subscriptions come along as long as the target is the log of the source and nothing else, each
    event at its position. From the first difference on their events are left out.

    Args:
        source: What to read; what is appended to it later takes a further call.
        target: Where to append; it may hold other runs, and these runs up to some version.
        progress: Is called after each batch.
        batch: How many events to read at once; an operation is never split.
        after: Begin behind this position of the source: the `position` of an earlier report.
        capacity: How many runs are kept in memory; others are read from the target again.

    Raises:
        CannotCopy: A run or an idempotency key is another one in the target, or the source lacks a
            blob; nothing was overwritten.
        HistoryAltered: An event or a blob of the source does not fit; neither it nor anything
            behind it was appended.
        StoreUnavailable: One of the stores is away; call again to go on.
        ValueError: The batch is empty.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one event, not {batch}")
    runs = CopiedRuns(target, begun=after > 0, capacity=capacity)
    logs = Alike(source, target)
    report = CopyReport(position=after)
    async for operations in _operations(source, after, batch):
        moving = await _moving(logs, operations)
        missing = await _missing(runs, moving)
        blobs = await carry_blobs(source.blobs, target.blobs, missing)
        await append_again(target, missing)
        runs.forget_oldest()
        report = _further(report, operations, moving, missing, blobs)
        if progress is not None:
            progress(report)
    await _carry_renewals(source, target)
    return report


async def _operations(source: Store, after: int, batch: int) -> AsyncIterator[Sequence[Events]]:
    """Yield the log as whole operations, some at a time."""
    held: list[StoredEvent] = []
    while page := await source.read_all(after, batch):
        _refuse_gaps(page, after)
        after = page[-1].position
        *whole, held = [list(each) for _, each in groupby([*held, *page], key=_operation_of)]
        if whole:
            yield whole
    if held:
        yield [held]


def _operation_of(event: StoredEvent) -> tuple[str, str]:
    return event.run_id, event.op_id


def _refuse_gaps(page: Events, after: int) -> None:
    for position, event in enumerate(page, start=after + 1):
        if event.position != position:
            raise HistoryAltered(
                event.run_id,
                event.version,
                f"it stands at position {event.position}, where {position} was due: "
                "events before it are missing",
                Alteration.MISSING,
            )


async def _moving(logs: Alike, operations: Sequence[Events]) -> Sequence[Events]:
    """Leave out what is true in the source only, if the target is or becomes another log.

    If somebody else appends at this very moment, the last cursors name other events than those at
    their positions, and whoever takes up such a subscription does not believe them.
    """
    others = [events for events in operations if not holds_positions(events[0].run_id)]
    if len(others) == len(operations):
        return operations
    events = [event for operation in operations for event in operation]
    return operations if await logs.may_take(events) else others


async def _missing(runs: CopiedRuns, operations: Sequence[Events]) -> list[Operation]:
    """Verify operations of the source, and give those that the target lacks."""
    firsts: dict[str, int] = {}
    for events in operations:
        firsts.setdefault(events[0].run_id, events[0].version)
    known = await runs.meet(firsts)
    taken = [known[events[0].run_id].take(events) for events in operations]
    return [operation for operation in taken if operation is not None]


def _further(
    report: CopyReport,
    operations: Sequence[Events],
    moving: Sequence[Events],
    missing: Sequence[Operation],
    blobs: int,
) -> CopyReport:
    copied = sum(len(operation.events) for operation in missing)
    moved = sum(map(len, moving))
    return CopyReport(
        position=operations[-1][-1].position,
        copied=report.copied + copied,
        present=report.present + moved - copied,
        runs=report.runs + sum(operation.expected == 0 for operation in missing),
        blobs=report.blobs + blobs,
        left_out=report.left_out + sum(map(len, operations)) - moved,
    )


async def _carry_renewals(source: Store, target: Store) -> None:
    """Move due times as heartbeats, and checks that were not ready, have moved them.

    A run that went on in either store has another token, and nothing is moved. A subscription has
    nothing to wait for: whoever takes it up in the target may do so at once.
    """
    query: RunQuery | None = RunQuery(statuses=_ALIVE, limit=_ROWS)
    while query is not None:
        page = await source.runs(query)
        renewals = [
            Renewal(rows.run.run_id, job.stage, job.token, job.due_at, leased=job.leased)
            for rows in page.items
            if not holds_positions(rows.run.run_id)
            for job in rows.jobs
            if job.token
        ]
        await target.renew(renewals)
        query = evolve(query, after=page.next) if page.next is not None else None
