"""Several processes on one store: how much they complete together, and how fast they hand over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import Any, TypeAlias

from eventflow.cli.bench.backlog import add_runs
from eventflow.cli.bench.bare import append_together, recorded
from eventflow.cli.bench.children import PATIENCE, running, set_by, spawning, told_by
from eventflow.cli.bench.workload import CONCURRENCY, TRIVIAL, one_run, runs_per_second, warm_up
from eventflow.cli.log_options import Logs
from eventflow.cli.logs import configure_logs
from eventflow.engine.walking import newest_position
from eventflow.runtime.runtime import Runtime
from eventflow.runtime.tuning import tune_process
from eventflow.store.registry import open_store

IN_FLIGHT = 100
PAUSE = 0.03

Times: TypeAlias = "Queue[tuple[float, float]]"
Work: TypeAlias = Callable[[str, int, Barrier, Times], None]
"""What one process of several does: to a store, with so many runs, together with the others."""


async def handover_seconds(url: str, runs: int) -> list[float]:
    """Create runs here, one at a time; the seconds until each started in another process."""
    context = spawning()
    ready, done = context.Event(), context.Event()
    workers = [context.Process(target=_serve, args=(url, ready, done), daemon=True)]
    async with Runtime(url, [TRIVIAL]) as runtime, running(workers):
        await set_by(workers, ready)
        found = [await _one_handover(runtime) for _ in range(runs)]
        done.set()
    return found


async def hearing_seconds(url: str, appends: int) -> list[float]:
    """Append here, one at a time; the seconds until another process that waits has heard of it."""
    context = spawning()
    ready, heard = context.Event(), context.Queue()
    found = []
    store = await open_store(url)
    listeners = [context.Process(target=_listen, args=(url, appends, ready, heard), daemon=True)]
    async with running(listeners):
        await set_by(listeners, ready)
        for _ in range(appends):
            await asyncio.sleep(PAUSE)
            began = time.time()  # noqa: TID251 - compared with that of another process of this host
            await add_runs(store, 1)
            found.append(await told_by(listeners, heard) - began)
    await store.close()
    return found


async def crowd_runs_per_second(url: str, work: Work, processes: int, runs: int) -> float:
    """Let several processes work together, each with runs of its own; the runs a second of all."""
    async with Runtime(url):
        pass  # makes the tables
    context = spawning()
    together, times = context.Barrier(processes), context.Queue()
    crowd = [
        context.Process(target=work, args=(url, runs, together, times), daemon=True)
        for _ in range(processes)
    ]
    async with running(crowd):
        found = [await told_by(crowd, times) for _ in crowd]
    seconds: float = max(end for _, end in found) - min(start for start, _ in found)
    return processes * runs / seconds


def complete(url: str, runs: int, together: Barrier, times: Times) -> None:
    """Complete runs, and say when that began and ended."""

    async def work(runtime: Runtime) -> None:
        await warm_up(runtime)
        await one_run(runtime)
        await _timed(runs_per_second(runtime, runs, IN_FLIGHT), together, times)

    _work(url, work)


def append(url: str, runs: int, together: Barrier, times: Times) -> None:
    """Append what such runs append, and nothing else, and say when that began and ended."""

    async def work() -> None:
        operations = await recorded("memory://", runs)
        store = await open_store(url)
        await _timed(append_together(store, operations, IN_FLIGHT), together, times)
        await store.close()

    _alone(work())


async def _timed(work: Awaitable[float], together: Barrier, times: Times) -> None:
    """Work at the same time as the other processes do."""
    await asyncio.to_thread(together.wait, PATIENCE)
    started = time.time()  # noqa: TID251 - compared with that of other processes of this host
    await work
    times.put((started, time.time()))  # noqa: TID251 - as above
    await asyncio.to_thread(together.wait, PATIENCE)


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


def _listen(url: str, appends: int, ready: Event, heard: "Queue[float]") -> None:
    """Wait for appends of another process, and say when each was heard of."""

    async def listen() -> None:
        store = await open_store(url)
        position = await newest_position(store)
        ready.set()
        for _ in range(appends):
            while (now := await store.wait(position, PATIENCE)) <= position:
                pass
            heard.put(time.time())  # noqa: TID251 - compared with that of another process of this host
            position = now
        await store.close()

    _alone(listen())


def _work(url: str, use: Callable[[Runtime], Any]) -> None:
    """Open a worker in this process, and use it."""

    async def work() -> None:
        async with Runtime(url, [TRIVIAL], concurrency=CONCURRENCY) as runtime:
            await runtime.start()
            await use(runtime)

    _alone(work())


def _alone(work: Coroutine[Any, Any, None]) -> None:
    """Do the work that this process is for."""
    configure_logs(Logs())
    tune_process()
    asyncio.run(work)
