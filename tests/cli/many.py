"""Fills a store with many small runs, without executing anything."""

import asyncio
from collections.abc import Iterator

from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import Operation
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author

AT_ONCE = 500


def fill_with_many(url: str, runs: int) -> int:
    """Append so many runs that have completed; tell how many events they have."""
    return asyncio.run(_fill(url, runs))


async def _fill(url: str, runs: int) -> int:
    store = await open_store(url)
    events = 0
    try:
        for begin in range(0, runs, AT_ONCE):
            operations = [
                operation for _ in range(min(AT_ONCE, runs - begin)) for operation in _run()
            ]
            await store.append(operations)
            events += sum(len(operation.events) for operation in operations)
    finally:
        await store.close()
    return events


def _run() -> Iterator[Operation]:
    author = Author(new_id())
    yield author.create()
    yield author.claim()
    yield author.complete()
