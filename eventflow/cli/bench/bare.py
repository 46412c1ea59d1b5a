"""The limit of a store: the same operations appended again, and nothing else done."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, cast

from eventflow.cli.bench.workload import CONCURRENCY, PAUSE, TRIVIAL, runs_per_second, warm_up
from eventflow.engine.commit import GroupCommit
from eventflow.runtime.runtime import Runtime
from eventflow.store.contract import Operation, Store, Verdict
from eventflow.store.registry import open_store


class Recording:
    """A store that remembers the operations that pass."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._operations: list[Operation] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and remember."""
        self._operations.extend(operations)
        return await self._store.append(operations)

    def taken(self) -> list[Operation]:
        """Give what has passed since this was asked before."""
        taken, self._operations = self._operations, []
        return taken


def recording(store: Store) -> tuple[Store, Recording]:
    """Give a store, and what remembers the operations that pass it."""
    made = Recording(store)
    return cast("Store", made), made


async def recorded(url: str, runs: int) -> list[list[Operation]]:
    """Complete runs, and give what was appended for each of them, in order."""
    store, record = recording(await open_store(url))
    async with Runtime(store, [TRIVIAL], concurrency=CONCURRENCY) as runtime:
        await runtime.start()
        await warm_up(runtime)
        record.taken()
        await runs_per_second(runtime, runs, in_flight=min(runs, 100))
    await store.close()
    by_run: dict[str, list[Operation]] = {}
    for operation in record.taken():
        by_run.setdefault(operation.run_id, []).append(operation)
    return list(by_run.values())


async def bare_runs_per_second(
    url: str, operations: Sequence[Sequence[Operation]], in_flight: int
) -> float:
    """Append what was recorded of some runs to a store, each run's in its order."""
    store = await open_store(url)
    seconds = await append_together(store, operations, in_flight)
    await store.close()
    return len(operations) / seconds


async def append_together(
    store: Store, operations: Sequence[Sequence[Operation]], in_flight: int
) -> float:
    """Append sequences of operations, so many of them at once; the seconds that it takes."""
    commit = GroupCommit(store, lambda *_: None)
    left = iter(operations)

    async def lane() -> None:
        for of_one_run in left:
            for operation in of_one_run:
                await commit.append(operation)

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return time.perf_counter() - started


async def bare_latencies(store: Store, operations: Sequence[Sequence[Operation]]) -> list[float]:
    """Append what was recorded of some runs, one run after another, with pauses."""
    found = []
    for of_one_run in operations:
        await asyncio.sleep(PAUSE)
        found.append(await append_together(store, [of_one_run], 1))
    return found
