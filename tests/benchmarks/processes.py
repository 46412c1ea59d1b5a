"""How many runs four processes complete on one store, each of them creating and executing runs.

`python -m tests.benchmarks.processes [sqlite | postgres | postgresql://...]`
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from multiprocessing.synchronize import Barrier
from typing import Any

import eventflow as ef
from tests.benchmarks.urls import fresh_urls, load
from tests.benchmarks.workload import TRIVIAL, one_run, quiet_logs, runs_per_second

PROCESSES = 4
RUNS = 800
ROUNDS = 3


def work(url: str, in_flight: int, together: Barrier, times: Any) -> None:  # noqa: ANN401 - a queue
    """Complete runs in one of the processes; say when that began and ended."""
    quiet_logs()

    async def complete() -> None:
        async with ef.Runtime(url, [TRIVIAL], concurrency=128) as runtime:
            await runtime.start()
            for _ in range(20):
                await one_run(runtime)
            await asyncio.to_thread(together.wait, 60)
            started = time.time()
            await runs_per_second(runtime, RUNS, in_flight)
            times.put((started, time.time()))
            await asyncio.to_thread(together.wait, 120)

    asyncio.run(complete())


async def runs_in_all(url: str, in_flight: int) -> float:
    """Completed runs per second of all processes together."""
    async with ef.Runtime(url):
        pass  # creates the tables
    context = multiprocessing.get_context("spawn")
    together, times = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=work, args=(url, in_flight, together, times), daemon=True)
        for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    found = [await asyncio.to_thread(times.get, timeout=180) for _ in processes]
    for process in processes:
        await asyncio.to_thread(process.join, 30)
    seconds: float = max(end for _, end in found) - min(start for start, _ in found)
    return PROCESSES * RUNS / seconds


async def measure(kind: str, in_flight: int) -> None:
    """Measure one kind of store."""
    async with fresh_urls(kind) as urls:
        before = load()
        rates = [await runs_in_all(urls.fresh(), in_flight) for _ in range(ROUNDS)]
    spread = f"({min(rates):,.0f} to {max(rates):,.0f}, {ROUNDS} rounds)"
    print(f"{PROCESSES} processes, {in_flight} in flight in each, {kind.partition('://')[0]}")
    print(f"  completed runs a second {statistics.median(rates):,.0f} {spread}")
    print(f"  {before}")


def main() -> None:
    """Read what to measure, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="*", default=["postgres"])
    parser.add_argument("--in-flight", type=int, default=100)
    given = parser.parse_args()
    quiet_logs()
    for kind in given.stores:
        asyncio.run(measure(kind, given.in_flight))


if __name__ == "__main__":
    main()
