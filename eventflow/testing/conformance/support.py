"""What the tests of the suite share: short ways to append, to read all, and to look for gaps."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from attrs import evolve

from eventflow.core.projection import Projection
from eventflow.store.contract import Appended, Operation, RunPage, RunQuery, Store, StoredEvent

OpenStore: TypeAlias = Callable[[], Awaitable[Store]]
"""Opens a store; what it opens is closed by who called it."""

NewPlace: TypeAlias = Callable[[], OpenStore]
"""Names a new, empty place at each call; what it gives opens one more handle on that place."""

PATIENCE = 10.0
"""Seconds after which something that should have happened never will."""


@asynccontextmanager
async def opened(open_store: OpenStore) -> AsyncGenerator[Store]:
    """Open a store for a while."""
    store = await open_store()
    try:
        yield store
    finally:
        await store.close()


async def append(store: Store, *operations: Operation) -> list[Appended]:
    """Append a batch of which nothing is refused."""
    verdicts = await store.append(operations)
    appended = [verdict for verdict in verdicts if isinstance(verdict, Appended)]
    assert appended == verdicts
    return appended


async def whole_log(store: Store, page: int = 1_000) -> list[StoredEvent]:
    """Read the global log to its end, page by page."""
    log: list[StoredEvent] = []
    while more := await store.read_all(len(log), page):
        log += more
    return log


async def rows(store: Store, run_id: str) -> Projection:
    """Give the rows of one run."""
    page = await store.runs(RunQuery(run_ids=[run_id]))
    assert len(page.items) == 1
    return page.items[0]


async def all_pages(store: Store, query: RunQuery) -> list[RunPage]:
    """Follow the cursors to the last page; each must lead further."""
    pages = [await store.runs(query)]
    seen: set[str] = set()
    while (after := pages[-1].next) is not None:
        assert after not in seen
        seen.add(after)
        pages.append(await store.runs(evolve(query, after=after)))
    return pages


def assert_gapless(log: Sequence[StoredEvent]) -> None:
    """Positions, and the versions of each run, go from 1 on without gaps."""
    assert [event.position for event in log] == list(range(1, len(log) + 1))
    versions: dict[str, int] = {}
    for event in log:
        assert event.version == versions.get(event.run_id, 0) + 1
        versions[event.run_id] = event.version
