"""How often eight workers get in each other's way on one backlog.

`python -m tests.benchmarks.claims [sqlite | postgres | postgresql://...]`; `eventflow bench` tells
how fast one worker claims, whatever the backlog.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from multiprocessing.synchronize import Barrier, Event
from typing import Any

import eventflow as ef
from eventflow.cli.bench.backlog import AT_ONCE, add_runs
from eventflow.cli.bench.workload import TRIVIAL
from eventflow.core.values import Status
from eventflow.store.contract import Appended, DueJob, Operation, RunQuery, Store, Verdict
from eventflow.store.registry import open_store
from tests.benchmarks.urls import Urls, fresh_urls, load
from tests.benchmarks.workload import quiet_logs

WORKERS = 8
SHARED_BACKLOG = 4_000


class Counting:
    """A store that counts the jobs that it has listed, and the claims among its appends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.listed = 0
        self.won = 0
        self.conflicts = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the rest of a store
        return getattr(self._store, name)

    async def due(
        self,
        now: datetime,
        workflows: Mapping[str, Sequence[str]] | None,
        limit: int,
        hold: float = 0.0,
    ) -> list[DueJob]:
        """List jobs; each of them will be claimed, or lost, unless all workflows are looked at."""
        found: list[DueJob] = await self._store.due(now, workflows, limit, hold)
        if workflows is not None:
            self.listed += len(found)
        return found

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append; of the claims, count those that begin an operation: they follow a look."""
        verdicts: list[Verdict] = await self._store.append(operations)
        for operation, verdict in zip(operations, verdicts, strict=True):
            if operation.events[0].type in {"run.started", "job.claimed"}:
                self.won += isinstance(verdict, Appended)
                self.conflicts += not isinstance(verdict, Appended)
        return verdicts


def work(url: str, together: Barrier, done: Event, counts: Any) -> None:  # noqa: ANN401 - a queue
    """Be one of the workers until the backlog is gone, and say what was counted."""
    quiet_logs()

    async def serve() -> None:
        opened = await open_store(url)
        store: Any = Counting(opened)
        async with ef.Runtime(store, [TRIVIAL], concurrency=AT_ONCE) as runtime:
            await asyncio.to_thread(together.wait, 60)
            await runtime.start()
            await asyncio.to_thread(done.wait, 600)
        await opened.close()
        counts.put((store.listed, store.won, store.conflicts))

    asyncio.run(serve())


async def measure_conflicts(urls: Urls) -> None:
    """Let eight processes work off one backlog."""
    url = urls.fresh()
    store = await open_store(url)
    await add_runs(store, SHARED_BACKLOG)
    await urls.settle()
    context = multiprocessing.get_context("spawn")
    together, done, counts = context.Barrier(WORKERS + 1), context.Event(), context.Queue()
    workers = [
        context.Process(target=work, args=(url, together, done, counts), daemon=True)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    await asyncio.to_thread(together.wait, 60)
    started = time.perf_counter()
    alive = RunQuery(statuses=[status for status in Status if not status.ended], limit=1)
    while (await store.runs(alive)).items:  # noqa: ASYNC110 - other processes do the work
        await asyncio.sleep(0.1)
    seconds = time.perf_counter() - started
    done.set()
    found = [await asyncio.to_thread(counts.get, timeout=60) for _ in workers]
    listed, won, conflicts = (sum(column) for column in zip(*found, strict=True))
    for worker in workers:
        worker.join(30)
    await store.close()
    print(f"  {WORKERS} workers, {SHARED_BACKLOG:,} runs, {SHARED_BACKLOG / seconds:,.0f} runs/s")
    print(f"    {listed:,} jobs listed, {won:,} claimed, {conflicts:,} conflicts in the store")
    print(f"    {(listed - won) / max(listed, 1):.1%} of the claims lost;  {load()}")


async def measure(kind: str) -> None:
    """Measure one kind of store."""
    async with fresh_urls(kind) as urls:
        print(f"\n{kind if '://' not in kind else 'postgres'}: {load()}")
        await measure_conflicts(urls)


def main() -> None:
    """Read what to measure, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", default=["sqlite", "postgres"])
    quiet_logs()
    for kind in parser.parse_args().stores:
        asyncio.run(measure(kind))


if __name__ == "__main__":
    main()
