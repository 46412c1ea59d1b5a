"""How fast jobs are claimed, whatever the backlog, and how often eight workers get in the way.

`python -m tests.benchmarks.claims [sqlite | postgres | postgresql://...] [--backlogs 1000 100000]`
takes some minutes with the default backlogs, most of them to append a million runs.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from multiprocessing.synchronize import Barrier, Event
from typing import Any

import eventflow as ef
from eventflow.core.commands import ClaimJob
from eventflow.core.decide import draft
from eventflow.core.values import Status
from eventflow.engine.journal import Journal, Outcome
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import Appended, DueJob, Operation, RunQuery, Store, Verdict
from eventflow.store.registry import open_store
from tests.benchmarks.backlog import add_runs
from tests.benchmarks.urls import Urls, fresh_urls, load
from tests.benchmarks.workload import TRIVIAL, quiet_logs

BACKLOGS = (1_000, 100_000, 1_000_000)
AT_ONCE = 16
ROUND = 160
ROUNDS = 15
WORKERS = 8
SHARED_BACKLOG = 4_000
STAGES = {TRIVIAL.id: [stage.id for stage in TRIVIAL.stages]}


async def claims_per_second(store: Store, claims: int) -> float:
    """Look and claim as a worker with room for sixteen jobs does."""
    journal = Journal(store, new_id)

    async def claim(due: DueJob, now: datetime) -> Outcome:
        command = ClaimJob(now=now, stage=due.stage, worker="w", lease=3600, seen_token=due.token)
        return await journal.execute(due.run_id, lambda state: draft(state, command))

    started = time.perf_counter()
    for _ in range(claims // AT_ONCE):
        now = await store.now()
        jobs = await store.due(now, STAGES, AT_ONCE)
        outcomes = await asyncio.gather(*(claim(job, now) for job in jobs))
        assert sum(bool(outcome.events) for outcome in outcomes) == AT_ONCE
    return claims / (time.perf_counter() - started)


async def measure_rates(urls: Urls, backlogs: Sequence[int]) -> None:
    """Fill one store for each backlog, and claim from them in turn, so that the load is alike."""
    stores = {backlog: await open_store(urls.fresh()) for backlog in backlogs}
    for backlog, store in stores.items():
        await add_runs(store, backlog)
    await urls.settle()
    print(f"  {ROUNDS} rounds on each backlog in turn;  {load()}")
    rates: dict[int, list[float]] = {backlog: [] for backlog in backlogs}
    for _ in range(ROUNDS):
        for backlog, store in stores.items():
            rates[backlog].append(await claims_per_second(store, ROUND))
            await add_runs(store, ROUND)
    first = statistics.median(rates[backlogs[0]])
    for backlog, found in rates.items():
        middle = statistics.median(found)
        spread = f"({min(found):,.0f} to {max(found):,.0f})"
        print(
            f"    backlog {backlog:>9,} {middle:>7,.0f} claims/s {middle / first:>5.0%}  {spread}"
        )
        await stores[backlog].close()
    print(f"    afterwards {load()}")


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
        found = await self._store.due(now, workflows, limit, hold)
        if workflows is not None:
            self.listed += len(found)
        return found

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append; of the claims, count those that begin an operation: they follow a look."""
        verdicts = await self._store.append(operations)
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


async def measure(kind: str, backlogs: Sequence[int]) -> None:
    """Measure one kind of store."""
    async with fresh_urls(kind) as urls:
        print(f"\n{kind if '://' not in kind else 'postgres'}: {load()}")
        await measure_conflicts(urls)
        await measure_rates(urls, backlogs)


def main() -> None:
    """Read what to measure, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--backlogs", nargs="*", type=int, default=BACKLOGS)
    given = parser.parse_args()
    quiet_logs()
    for kind in given.stores:
        asyncio.run(measure(kind, given.backlogs))


if __name__ == "__main__":
    main()
