"""Lists runs as callers ask for them, without those that are eventflow's own; it reads no event."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, TypeAlias

from attrs import evolve

from eventflow.core.frozen import frozen
from eventflow.core.projection import RunRow
from eventflow.core.values import Status
from eventflow.engine.own_runs import is_internal
from eventflow.errors import InvalidInput
from eventflow.runtime.given import checked_count, checked_metadata, checked_text
from eventflow.store.contract import RunPage, RunQuery, Store

GivenStatus: TypeAlias = Status | str | Collection[Status | str] | None

PAGE = 200

_FILTERS = ("status", "workflow", "metadata")


@frozen
class RunList:
    """Some runs, newest first; `next` is what `runs(after=)` takes for the page behind it."""

    items: tuple[RunRow, ...]
    next: str | None


def query_of(
    *,
    status: GivenStatus = None,
    workflow: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    limit: int = 100,
    after: str | None = None,
) -> RunQuery:
    """Make a query.

    Raises:
        InvalidInput: There is no such status or limit, or no run can have what is asked for.
    """
    return RunQuery(
        statuses=None if status is None else _statuses(status),
        workflow_id=None if workflow is None else checked_text(workflow, "The id of a workflow"),
        metadata={} if metadata is None else checked_metadata(metadata),
        limit=checked_count(limit, "The limit of a page of runs"),
        after=None if after is None else checked_text(after, "The cursor of a page"),
    )


def filters(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Check the names of filters.

    Raises:
        InvalidInput: There is no such filter.
    """
    for name in given or ():
        if name not in _FILTERS:
            there = ", ".join(_FILTERS)
            raise InvalidInput(f'Runs are not chosen by "{name}"; there are: {there}')
    return given or {}


async def list_runs(store: Store, query: RunQuery) -> RunList:
    """Fill one page with runs of applications, or with those of the workflow that is asked for.

    Raises:
        InvalidInput: There is no such page.
    """
    rows: list[RunRow] = []
    while True:
        page = await page_of(store, evolve(query, limit=query.limit - len(rows)))
        rows += [item.run for item in page.items if query.workflow_id or not is_internal(item.run)]
        if page.next is None or len(rows) == query.limit:
            return RunList(tuple(rows), page.next)
        query = evolve(query, after=page.next)


async def every_run(store: Store, query: RunQuery) -> AsyncIterator[RunRow]:
    """Yield all runs of a query, holding one page in memory."""
    after = query.after
    while True:
        page = await list_runs(store, evolve(query, after=after))
        for row in page.items:
            yield row
        if page.next is None:
            return
        after = page.next


async def page_of(store: Store, query: RunQuery) -> RunPage:
    """Read one page.

    Raises:
        InvalidInput: There is no such page.
    """
    try:
        return await store.runs(query)
    except ValueError as error:
        raise InvalidInput(
            f"This is not the cursor of a page: {query.after!r}; give the `next` of the page before"
        ) from error


def _statuses(given: Status | str | Collection[Status | str]) -> list[Status]:
    if isinstance(given, str):
        return [_status(given)]
    if not isinstance(given, Collection):
        raise InvalidInput(
            f"A status is a text, or there are several in a list, not {given!r:.300}"
        )
    return [_status(each) for each in given]


def _status(given: Status | str) -> Status:
    try:
        return Status(given)
    except ValueError:
        there = ", ".join(Status)
        raise InvalidInput(f'There is no status "{given}"; there are: {there}') from None
