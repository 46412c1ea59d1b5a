"""What a worker costs that has nothing to do, above 100,000 suspended stages with hourly checks.

It is compared with a worker above an empty store. Then the hour of the checks begins, and its cost
is compared with the checks that were due.

`python -m tests.benchmarks.suspended [sqlite | postgres] [--stages 100000] [--seconds 60]`
"""

import argparse
import asyncio
import inspect
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import islice
from typing import Any, cast

import asyncpg
from attrs import define, field, frozen

import eventflow as ef
from eventflow.core import commands as c
from eventflow.core.decide import extend
from eventflow.core.draft import Draft
from eventflow.runtime.identifiers import new_id
from eventflow.store.contract import Operation, Store
from eventflow.store.registry import open_store
from eventflow.testing.builders import LEASE, operation
from tests.benchmarks.urls import Urls, fresh_urls, load
from tests.benchmarks.workload import quiet_logs

HOUR = 3600.0
AT_ONCE = 500
TOKEN = 4
"""The version of the claim: behind creation, schedule and start."""


@ef.stage
async def hands_over(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
    """Hand the work over."""
    return ef.Suspended(ctx.input, check_after=HOUR)


@hands_over.check
async def not_yet(state: int, ctx: ef.StageContext[int]) -> ef.Pending:
    """Ask again in an hour."""
    return ef.Pending(HOUR)


WAITING = ef.define_workflow("waiting", input=int).pipe(hands_over).build()


@define
class Cost:
    """What was spent in a stretch of time: processor time, and what the store was asked."""

    seconds: float = 0.0
    cpu: float = 0.0
    calls: Counter[str] = field(factory=Counter)
    rows: Counter[str] = field(factory=Counter)
    statements: int = 0

    def a_minute(self, value: float) -> float:
        """Convert a sum into one of a minute."""
        return value * 60 / self.seconds


class CountingStore:
    """A store that counts what it is asked, and what it gives back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.cost = Cost()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        found = getattr(self._store, name)
        return self._counted(name, found) if inspect.iscoroutinefunction(found) else found

    def _counted(
        self, name: str, method: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: object, **named: object) -> Any:  # noqa: ANN401 - as above
            self.cost.calls[name] += 1
            answer = await method(*arguments, **named)
            rows = getattr(answer, "items", answer)
            if isinstance(rows, list | tuple):
                self.cost.rows[name] += len(rows)
            return answer

        return call


STATEMENTS: Counter[str] = Counter()


def count_statements() -> None:
    """Count what SQLite executes, on every connection that is opened from now on."""
    connect = sqlite3.connect

    def counting(*arguments: Any, **named: Any) -> sqlite3.Connection:  # noqa: ANN401 - of sqlite3
        connection: sqlite3.Connection = connect(*arguments, **named)

        def count(statement: str) -> None:
            kind = "look" if statement.startswith("PRAGMA data_version") else "statement"
            STATEMENTS[kind] += 1

        connection.set_trace_callback(count)
        return connection

    sqlite3.connect = counting  # type: ignore[assignment]


async def add_suspended(store: Store, stages: int, begin: float) -> None:
    """Append runs whose one stage is suspended, with first checks spread over an hour."""
    now = await store.now()
    operations = (_suspended(now, begin + HOUR * n / stages) for n in range(stages))
    while some := list(islice(operations, AT_ONCE)):
        await store.append(some)


def _suspended(now: datetime, check_after: float) -> Operation:
    work = Draft(None, now, new_id())
    extend(work, c.CreateRun(now=now, plan=WAITING.plan, input=1, config={"hands-over": None}))
    extend(work, c.ClaimJob(now=now, stage="hands-over", worker="earlier", lease=LEASE))
    suspend = c.SuspendStage(
        now=now, stage="hands-over", token=TOKEN, state=1, check_after=check_after
    )
    extend(work, suspend)
    return operation(None, work)


@frozen
class Server:
    """What a PostgreSQL has counted of one schema; nothing of any other store."""

    url: str

    async def rows_read(self) -> int:
        """Give how many rows of tables and indexes were read so far."""
        if not self.url.startswith("postgres"):
            return 0
        address, _, options = self.url.partition("?schema=")
        if not options:
            address, _, options = self.url.partition("&schema=")
        connection = await asyncpg.connect(address)
        try:
            await connection.execute("SELECT pg_stat_clear_snapshot()")
            found = await connection.fetchval(
                "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) "
                "FROM pg_stat_user_tables WHERE schemaname = $1",
                options,
            )
        finally:
            await connection.close()
        return int(found or 0)


async def measured(store: CountingStore, seconds: float) -> Cost:
    """Let everything be for a while, and tell what it has cost."""
    store.cost = cost = Cost()
    STATEMENTS.clear()
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    cost.seconds, cost.cpu = time.perf_counter() - began, time.process_time() - cpu
    store.cost, cost.statements = Cost(), STATEMENTS["statement"]
    return cost


async def measure(urls: Urls, stages: int, seconds: float, begin: float) -> list[tuple[str, Cost]]:
    """Measure a worker above no stages, above stages that are not due, and above those that are."""
    url = urls.fresh()
    loaded = await open_store(url)
    started = time.perf_counter()
    if stages:
        await add_suspended(loaded, stages, begin)
        await urls.settle()
        print(f"  {stages:,} suspended stages appended in {time.perf_counter() - started:.0f} s")
    store, costs, server = CountingStore(loaded), [], Server(url)
    async with ef.Runtime(cast("Store", store), [WAITING]) as runtime:
        await runtime.start()
        await asyncio.sleep(12)  # until a server has counted what was loaded
        for name in ("idle", "checking") if stages else ("empty",):
            if name == "checking":
                await asyncio.sleep(max(0.0, begin - (time.perf_counter() - started)))
            before = await server.rows_read()
            cost = await measured(store, seconds)
            cost.rows["read by the server"] = await server.rows_read() - before
            costs.append((name, cost))
    await loaded.close()
    return costs


def show(name: str, cost: Cost) -> None:
    """Print what a minute has cost."""
    calls = ", ".join(
        f"{each} {cost.a_minute(count):,.0f}" for each, count in sorted(cost.calls.items())
    )
    rows = ", ".join(
        f"{each} {cost.a_minute(count):,.0f}" for each, count in sorted(cost.rows.items()) if count
    )
    print(f"  {name:<9} CPU {cost.a_minute(cost.cpu):6.2f} s/min   calls {calls}")
    print(f"  {'':<9} statements {cost.a_minute(cost.statements):,.0f}   rows {rows or 'none'}")
    checks = cost.calls["renew"] and cost.rows["due"]
    if checks:
        print(f"  {'':<9} {checks:,} checks, {cost.cpu / checks * 1e3:.2f} ms of CPU for each")


async def main(kind: str, stages: int, seconds: float) -> None:
    """Measure one kind of store."""
    count_statements()
    async with fresh_urls(kind) as urls:
        print(f"{kind}: {load()}")
        (empty,) = await measure(urls, 0, seconds, 0)
        begin = 30.0 + stages / 800 + 2 * seconds
        idle, checking = await measure(urls, stages, seconds, begin)
        for name, cost in (empty, idle, checking):
            show(name, cost)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="?", default="sqlite", choices=["sqlite", "postgres"])
    parser.add_argument("--stages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    quiet_logs()
    asyncio.run(main(given.store, given.stages, given.seconds))
