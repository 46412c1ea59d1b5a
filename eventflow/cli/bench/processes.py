"""Several processes on one store: how much they complete together, and how fast they hand over."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier, Event
from typing import Any

from eventflow.cli.bench.workload import CONCURRENCY, TRIVIAL, one_run, runs_per_second, warm_up
from eventflow.cli.log_options import Logs
from eventflow.cli.logs import configure_logs
from eventflow.runtime.runtime import Runtime
from eventflow.runtime.tuning import tune_process

PAUSE = 0.03
PATIENCE = 300.0


async def handover_seconds(url: str, runs: int) -> list[float]:
    """Create runs here, one at a time; the seconds until each started in another process."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    worker = context.Process(target=_serve, args=(url, ready, done), daemon=True)
    async with Runtime(url, [TRIVIAL]) as runtime:
        worker.start()
        try:
            if not await asyncio.to_thread(ready.wait, PATIENCE):
                raise TimeoutError("the other process did not start")
            return [await _one_handover(runtime) for _ in range(runs)]
        finally:
            done.set()
            await asyncio.to_thread(worker.join, 10)


async def crowd_runs_per_second(url: str, processes: int, runs: int, in_flight: int) -> float:
    """Complete runs in several processes, each of which creates and executes its own."""
    async with Runtime(url):
        pass  # makes the tables
    context = multiprocessing.get_context("spawn")
    together, times = context.Barrier(processes), context.Queue()
    crowd = [
        context.Process(target=_complete, args=(url, runs, in_flight, together, times), daemon=True)
        for _ in range(processes)
    ]
    for process in crowd:
        process.start()
    try:
        found = [await asyncio.to_thread(times.get, timeout=PATIENCE) for _ in crowd]
    finally:
        for process in crowd:
            await asyncio.to_thread(process.join, 10)
    seconds: float = max(end for _, end in found) - min(start for start, _ in found)
    return processes * runs / seconds


async def _one_handover(runtime: Runtime) -> float:
    await asyncio.sleep(PAUSE)
    run = await runtime.create_run(TRIVIAL.id, input={"value": 1})
    await run.result(timeout=30)
    state = await run.state()
    if state.started_at is None:
        raise RuntimeError(f"run {run.id} has ended and was never started")
    return (state.started_at - state.created_at).total_seconds()


def _serve(url: str, ready: Event, done: Event) -> None:
    """Be a worker until it is told that all is done."""

    async def serve(_: Runtime) -> None:
        ready.set()
        await asyncio.to_thread(done.wait, PATIENCE)

    _work(url, serve)


def _complete(url: str, runs: int, in_flight: int, together: Barrier, times: Any) -> None:  # noqa: ANN401 - a queue
    """Complete runs, and say when that began and ended."""

    async def complete(runtime: Runtime) -> None:
        await warm_up(runtime)
        await one_run(runtime)
        await asyncio.to_thread(together.wait, PATIENCE)
        started = time.time()  # noqa: TID251 - compared with that of other processes of this host
        await runs_per_second(runtime, runs, in_flight)
        times.put((started, time.time()))  # noqa: TID251 - as above
        await asyncio.to_thread(together.wait, PATIENCE)

    _work(url, complete)


def _work(url: str, use: Callable[[Runtime], Any]) -> None:
    """Open a worker in this process, and use it."""
    configure_logs(Logs())
    tune_process()

    async def work() -> None:
        async with Runtime(url, [TRIVIAL], concurrency=CONCURRENCY) as runtime:
            await runtime.start()
            await use(runtime)

    asyncio.run(work())
