"""Turns what callers ask of the runs of a store into a query; it knows no store by name."""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from eventflow.core.projection import RunRow
from eventflow.core.values import Status
from eventflow.errors import InvalidInput
from eventflow.store.contract import RunQuery, Store

GivenStatus: TypeAlias = Status | str | Collection[Status | str] | None

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
        InvalidInput: There is no such status or limit.
    """
    if limit < 1:
        raise InvalidInput(f"A page of runs has at least one; limit is {limit}")
    given = [status] if isinstance(status, str) else status
    return RunQuery(
        statuses=None if given is None else [_status(each) for each in given],
        workflow_id=workflow,
        metadata=metadata or {},
        limit=limit,
        after=after,
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
    """List a page of runs.

    Raises:
        InvalidInput: There is no such page.
    """
    try:
        page = await store.runs(query)
    except ValueError as error:
        raise InvalidInput(
            f"This is not the cursor of a page: {query.after!r}; give the `next` of the page before"
        ) from error
    return RunList(tuple(item.run for item in page.items), page.next)


def _status(given: Status | str) -> Status:
    try:
        return Status(given)
    except ValueError:
        there = ", ".join(Status)
        raise InvalidInput(f'There is no status "{given}"; there are: {there}') from None
