"""Copies a log to another store, event by event as it was written; it never encodes one again.

The target alone says how far a copy has come, so one that was cut off at any point is taken up by
calling again, and runs that went on in the source are caught up in the same way.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeAlias, assert_never

from attrs import evolve, frozen

from eventflow.core.values import Status
from eventflow.engine.copied import CopiedRuns, another_history
from eventflow.errors import CannotCopy, HistoryAltered
from eventflow.store.contract import (
    Appended,
    Conflict,
    DuplicateKey,
    Operation,
    Renewal,
    RunQuery,
    Store,
    StoredEvent,
)

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
    """

    position: int = 0
    copied: int = 0
    present: int = 0
    runs: int = 0


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
    What workers have renewed, which no event tells, is carried over at the end.

    Args:
        source: What to read; what is appended to it later takes a further call.
        target: Where to append; it may hold other runs, and these runs up to some version.
        progress: Is called after each batch.
        batch: How many events to read at once; an operation is never split.
        after: Begin behind this position of the source: the `position` of an earlier report.
        capacity: How many runs are kept in memory; others are read from the target again.

    Raises:
        CannotCopy: A run or an idempotency key is another one in the target; nothing was
            overwritten.
        HistoryAltered: An event of the source does not fit; neither it nor anything behind it was
            appended.
        StoreUnavailable: One of the stores is away; call again to go on.
        ValueError: The batch is empty.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least one event, not {batch}")
    runs = CopiedRuns(target, begun=after > 0, capacity=capacity)
    report = CopyReport(position=after)
    async for operations in _operations(source, after, batch):
        missing = await _missing(runs, operations)
        for call in _calls(missing):
            await _append(target, call)
        runs.forget_oldest()
        report = _further(report, operations, missing)
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
            )


async def _missing(runs: CopiedRuns, operations: Sequence[Events]) -> list[Operation]:
    """Verify operations of the source, and give those that the target lacks."""
    firsts: dict[str, int] = {}
    for events in operations:
        firsts.setdefault(events[0].run_id, events[0].version)
    known = await runs.meet(firsts)
    taken = [known[events[0].run_id].take(events) for events in operations]
    return [operation for operation in taken if operation is not None]


def _calls(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Split operations so that none is appended behind a refused one of the same run.

    If somebody else had just written to the run, the first of two would be refused, and the second
    might fit by chance. A run that is created by the same call is nobody else's.
    """
    call: list[Operation] = []
    created: set[str] = set()
    touched: set[str] = set()
    for operation in operations:
        run_id = operation.run_id
        if run_id in touched and run_id not in created:
            yield call
            call, created, touched = [], set(), set()
        call.append(operation)
        touched.add(run_id)
        if operation.expected == 0:
            created.add(run_id)
    if call:
        yield call


async def _append(target: Store, operations: Sequence[Operation]) -> None:
    verdicts = await target.append(operations)
    for operation, verdict in zip(operations, verdicts, strict=True):
        match verdict:
            case Appended():
                pass
            case Conflict():
                raise another_history(operation.run_id, operation.expected + 1)
            case DuplicateKey(owner):
                raise CannotCopy(
                    operation.run_id,
                    operation.expected + 1,
                    f'its idempotency key "{operation.idempotency_key}" belongs to run {owner} '
                    "in the target; copy to an empty store",
                )
            case _:
                assert_never(verdict)


def _further(
    report: CopyReport, operations: Sequence[Events], missing: Sequence[Operation]
) -> CopyReport:
    copied = sum(len(operation.events) for operation in missing)
    return CopyReport(
        position=operations[-1][-1].position,
        copied=report.copied + copied,
        present=report.present + sum(map(len, operations)) - copied,
        runs=report.runs + sum(operation.expected == 0 for operation in missing),
    )


async def _carry_renewals(source: Store, target: Store) -> None:
    """Move due times as heartbeats, and checks that were not ready, have moved them.

    A run that went on in either store has another token, and nothing is moved.
    """
    query: RunQuery | None = RunQuery(statuses=_ALIVE, limit=_ROWS)
    while query is not None:
        page = await source.runs(query)
        renewals = [
            Renewal(rows.run.run_id, job.stage, job.token, job.due_at, leased=job.leased)
            for rows in page.items
            for job in rows.jobs
            if job.token
        ]
        await target.renew(renewals)
        query = evolve(query, after=page.next) if page.next is not None else None
