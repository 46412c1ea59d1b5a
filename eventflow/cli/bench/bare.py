"""The limit of a store: the same operations appended again, and nothing else done."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, cast

from eventflow.cli.bench.workload import CONCURRENCY, TRIVIAL, runs_per_second, warm_up
from eventflow.engine.commit import GroupCommit
from eventflow.runtime.runtime import Runtime
from eventflow.store.contract import Operation, Store, Verdict
from eventflow.store.registry import open_store


class Recording:
    """A store that remembers the operations that pass."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.operations: list[Operation] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and remember."""
        self.operations.extend(operations)
        return await self._store.append(operations)


async def recorded(url: str, runs: int) -> list[list[Operation]]:
    """Complete runs, and give what was appended for each of them, in order."""
    store = Recording(await open_store(url))
    async with Runtime(cast("Store", store), [TRIVIAL], concurrency=CONCURRENCY) as runtime:
        await runtime.start()
        await warm_up(runtime)
        store.operations.clear()
        await runs_per_second(runtime, runs, in_flight=min(runs, 100))
    await cast("Store", store).close()
    by_run: dict[str, list[Operation]] = {}
    for operation in store.operations:
        by_run.setdefault(operation.run_id, []).append(operation)
    return list(by_run.values())


async def bare_runs_per_second(
    url: str, operations: Sequence[Sequence[Operation]], in_flight: int
) -> float:
    """Append what was recorded of some runs to an empty store, each run's in its order."""
    store = await open_store(url)
    commit = GroupCommit(store, lambda *_: None)
    left = iter(operations)

    async def lane() -> None:
        for of_one_run in left:
            for operation in of_one_run:
                await commit.append(operation)

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    seconds = time.perf_counter() - started
    await store.close()
    return len(operations) / seconds
