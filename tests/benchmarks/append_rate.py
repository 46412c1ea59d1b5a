"""Measures bare appends of one store: no engine, no stages, operations that are built beforehand.

Run it on an empty store: `python -m tests.benchmarks.append_rate sqlite:///rate.db`.
"""

import asyncio
import sys
import time
from collections.abc import Sequence

from eventflow.store.contract import Appended, Operation, Store
from eventflow.store.registry import open_store
from eventflow.testing.builders import Author

STAGES = [["a"], ["b"], ["c"]]
AT_ONCE = 100
ROUNDS = 20
SINGLES = 1_000


def life() -> list[Operation]:
    """Build all operations of one run of three stages."""
    author = Author()
    operations = [author.create(groups=STAGES)]
    for (stage,) in STAGES:
        operations += [author.claim(stage), author.complete(stage)]
    return operations


async def measure(store: Store, batches: Sequence[Sequence[Operation]]) -> tuple[float, int]:
    """Append batch after batch; the seconds that it took, and the number of events."""
    started = time.perf_counter()
    for batch in batches:
        verdicts = await store.append(batch)
        assert all(isinstance(verdict, Appended) for verdict in verdicts)
    seconds = time.perf_counter() - started
    return seconds, sum(len(operation.events) for batch in batches for operation in batch)


def side_by_side() -> list[tuple[Operation, ...]]:
    """Build batches in which so many runs go forward together, each by one operation."""
    batches: list[tuple[Operation, ...]] = []
    for _ in range(ROUNDS):
        batches += zip(*(life() for _ in range(AT_ONCE)), strict=True)
    return batches


async def main(url: str) -> None:
    """Measure and print."""
    singles = [[Author().create()] for _ in range(SINGLES)]
    batches = side_by_side()
    store = await open_store(url)
    try:
        seconds, events = await measure(store, batches)
        each = seconds / len(batches) * 1_000
        print(f"{events / seconds:,.0f} events/s in batches of {AT_ONCE} ({each:.1f} ms each)")
        seconds, _ = await measure(store, singles)
        print(f"{SINGLES / seconds:,.0f} commits/s one at a time")
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
