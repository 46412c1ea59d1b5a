"""Lists runs as they were at a moment of the past: rows tell the present, so events are folded."""

from collections.abc import Collection, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TypeAlias

from attrs import evolve

from eventflow.core.projection import RunRow, project
from eventflow.core.values import Status
from eventflow.engine.own_runs import is_internal
from eventflow.engine.paging import with_histories
from eventflow.engine.stream import Stream
from eventflow.errors import InvalidInput
from eventflow.runtime.listing import RunList, page_of
from eventflow.store.contract import RunPage, RunQuery, Store, StoredEvent

AsOf: TypeAlias = int | datetime
"""A position of the log, or a time: what stands behind it, or was recorded later, is left out."""

_AT_ONCE = 100


async def list_runs_as_of(store: Store, query: RunQuery, as_of: AsOf) -> RunList:
    """Fill one page with runs as they were then, newest first.

    It reads the histories of the runs that it looks at, some at a time. A run that was created
    later by its row is not read; of a status, more runs are looked at than are found.

    Raises:
        HistoryAltered: The events of a run cannot be folded.
        InvalidInput: There is no such page, or the moment is none.
    """
    wanted = _narrowed(query, as_of)
    found: list[RunRow] = []
    while True:
        missing = query.limit - len(found)
        page = await page_of(store, evolve(wanted, limit=max(missing, _AT_ONCE)))
        seen = 0
        async with aclosing(with_histories(store, page.items)) as histories:
            async for _, events in histories:
                seen += 1
                row = _row_as_of(events, as_of)
                if row is not None and _answers(row, query):
                    found.append(row)
                if len(found) == query.limit:
                    return RunList(tuple(found), await _behind(store, wanted, page, seen))
        if page.next is None:
            return RunList(tuple(found), None)
        wanted = evolve(wanted, after=page.next)


def _narrowed(query: RunQuery, as_of: AsOf) -> RunQuery:
    """Let the store look for whatever never changes about a run."""
    if isinstance(as_of, int):
        if as_of < 0:
            raise InvalidInput(f"A position of the log is not negative; as_of is {as_of}")
        return evolve(query, statuses=None)
    if as_of.tzinfo is None:
        raise InvalidInput(
            f"as_of= needs a time zone; {as_of} means something else on each machine"
        )
    return evolve(query, statuses=None, created_before=as_of + timedelta(microseconds=1))


def _row_as_of(events: Sequence[StoredEvent], as_of: AsOf) -> RunRow | None:
    """Fold what had happened by then, if anything had."""
    before = [event for event in events if _had_happened(event, as_of)]
    if not before:
        return None
    stream = Stream(before[0].run_id)
    stream.fold(before)
    return project(stream.state).run if stream.state is not None else None


def _had_happened(event: StoredEvent, as_of: AsOf) -> bool:
    return event.position <= as_of if isinstance(as_of, int) else event.recorded_at <= as_of


def _answers(row: RunRow, query: RunQuery) -> bool:
    statuses: Collection[Status] | None = query.statuses
    if statuses is not None and row.status not in statuses:
        return False
    return query.workflow_id is not None or not is_internal(row)


async def _behind(store: Store, wanted: RunQuery, page: RunPage, seen: int) -> str | None:
    """Give the cursor behind the run of a page that was looked at last."""
    if seen == len(page.items):
        return page.next
    return (await store.runs(evolve(wanted, limit=seen))).next
