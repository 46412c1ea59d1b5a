"""Goes through the runs of a store page by page; it holds few of them at a time."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Sequence

from attrs import evolve

from eventflow.core.projection import Projection
from eventflow.store.contract import RunQuery, Store, StoredEvent

TOGETHER = 1_000
"""Of so many events runs are read at once, or one run if it has more."""

_PAGE = 200


async def pages_of(store: Store, query: RunQuery) -> AsyncIterator[Sequence[Projection]]:
    """Give all runs that answer a query with their rows, newest first, whatever its limit."""
    wanted: RunQuery | None = evolve(query, limit=_PAGE, after=None)
    while wanted is not None:
        page = await store.runs(wanted)
        yield page.items
        wanted = evolve(wanted, after=page.next) if page.next is not None else None


def batches(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Put runs together, given with their versions, as long as they have few events."""
    batch: list[str] = []
    events = 0
    for run_id, version in sizes:
        if batch and events + version > TOGETHER:
            yield batch
            batch, events = [], 0
        batch.append(run_id)
        events += version
    if batch:
        yield batch


async def read_whole(store: Store, run_ids: Collection[str]) -> dict[str, list[StoredEvent]]:
    """Read runs, in the order in which they are asked for."""
    histories: dict[str, list[StoredEvent]] = {run_id: [] for run_id in run_ids}
    for event in await store.read(run_ids):
        histories[event.run_id].append(event)
    return histories


async def with_histories(
    store: Store, rows: Sequence[Projection]
) -> AsyncGenerator[tuple[Projection, list[StoredEvent]]]:
    """Give runs with their events, in their order."""
    by_id = {each.run.run_id: each for each in rows}
    for batch in batches((each.run.run_id, each.run.version) for each in rows):
        for run_id, events in (await read_whole(store, batch)).items():
            yield by_id[run_id], events
