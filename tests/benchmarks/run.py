"""`make bench`: how fast eventflow is on this machine, beside the bare speed of the same store.

Each figure is a median over rounds of one process run; trust the ratios more than the figures.
`python -m tests.benchmarks.run --help` lists what can be chosen.
"""

import argparse
import asyncio
import gc
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from attrs import frozen

import eventflow as ef
from eventflow.store.contract import Operation, Store
from eventflow.store.registry import open_store, redact
from tests.benchmarks.handover import handover_seconds
from tests.benchmarks.urls import Urls, available, fresh_urls, load
from tests.benchmarks.workload import (
    TRIVIAL,
    Recording,
    bare_events_per_second,
    latencies,
    one_run,
    quiet_logs,
    runs_per_second,
)

EVENTS_PER_RUN = 12


@frozen
class Effort:
    """How much is measured."""

    runs: int
    rounds: int
    in_flight: int
    at_rest: int
    handovers: int


QUICK = Effort(runs=300, rounds=1, in_flight=100, at_rest=30, handovers=10)
FULL = Effort(runs=2_000, rounds=5, in_flight=100, at_rest=200, handovers=60)


@asynccontextmanager
async def working(store: Store) -> AsyncIterator[ef.Runtime]:
    """Open a runtime that works on a store, and is warm."""
    async with ef.Runtime(store, [TRIVIAL], concurrency=128) as runtime:
        await runtime.start()
        for _ in range(20):
            await one_run(runtime)
        yield runtime


async def recorded(urls: Urls, effort: Effort) -> list[Operation]:
    """Complete runs, and give what was appended for them."""
    store = Recording(await open_store(urls.fresh()))
    async with working(cast("Store", store)) as runtime:
        store.operations.clear()
        await runs_per_second(runtime, effort.runs, effort.in_flight)
        operations = list(store.operations)
    await cast("Store", store).close()
    return operations


async def throughput(urls: Urls, effort: Effort) -> tuple[list[float], list[float]]:
    """Completed runs per second, and the bare appends of such runs, round by round."""
    operations = await recorded(urls, effort)
    gc.freeze()  # what was recorded for comparison is not to be looked through again and again
    complete, bare = [], []
    for _ in range(effort.rounds):
        store = await open_store(urls.fresh())
        async with working(store) as runtime:
            complete.append(await runs_per_second(runtime, effort.runs, effort.in_flight))
        await store.close()
        empty = await open_store(urls.fresh())
        events = await bare_events_per_second(empty, operations, effort.in_flight)
        bare.append(events / EVENTS_PER_RUN)
        await empty.close()
    gc.unfreeze()
    return complete, bare


async def at_rest(urls: Urls, effort: Effort) -> list[float]:
    """Seconds of single runs, sorted."""
    store = await open_store(urls.fresh())
    async with working(store) as runtime:
        found = await latencies(runtime, effort.at_rest)
    await store.close()
    return found


async def measure(kind: str, effort: Effort) -> None:
    """Measure one kind of store, and print a table."""
    async with fresh_urls(kind) as urls:
        before = load()
        complete, bare = await throughput(urls, effort)
        rest = await at_rest(urls, effort)
        handover = await handover_seconds(urls.fresh(), effort.handovers) if urls.shared else []
    name = kind if kind in available() else redact(kind)
    ratio = statistics.median(complete) / statistics.median(bare)
    print(f"\n{name}: three trivial stages a run, {effort.in_flight} in flight, one process")
    print(f"  {before}")
    print(f"  completed runs a second   {statistics.median(complete):>10,.0f}   {spread(complete)}")
    print(f"  bare appends of the same  {statistics.median(bare):>10,.0f}   {spread(bare)}")
    print(f"  ratio                     {ratio:>10.0%}")
    print(f"  one run at rest           {milliseconds(rest)}")
    if handover:
        print(f"  started by another process {milliseconds(handover)}")


def spread(values: list[float]) -> str:
    """Say between what the rounds lay."""
    return f"({min(values):,.0f} to {max(values):,.0f}, {len(values)} rounds)"


def milliseconds(values: list[float]) -> str:
    """Say the median and the 99th percentile."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1e3:>9.1f} ms (p50)   {p99 * 1e3:.1f} ms (p99)"


def main() -> None:
    """Read what to measure, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "stores",
        nargs="*",
        default=available(),
        help="memory, sqlite, postgres (a server of its own), or postgresql://... (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    given = parser.parse_args()
    quiet_logs()
    print(f"Python {sys.version.split()[0]}, working directory on {Path.cwd().anchor}")
    for kind in given.stores:
        asyncio.run(measure(kind, QUICK if given.quick else FULL))


if __name__ == "__main__":
    main()
