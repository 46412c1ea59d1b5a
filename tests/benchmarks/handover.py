"""How long it takes until a run that one process created starts in another."""

import asyncio
import multiprocessing
from multiprocessing.synchronize import Event

import eventflow as ef
from tests.benchmarks.workload import TRIVIAL, quiet_logs

PAUSE = 0.03


def work(url: str, ready: Event, done: Event) -> None:
    """Be a worker process until it is told that all is done."""
    quiet_logs()

    async def serve() -> None:
        async with ef.Runtime(url, [TRIVIAL]) as runtime:
            await runtime.start()
            ready.set()
            while not done.is_set():  # noqa: ASYNC110 - the event is of another process
                await asyncio.sleep(0.05)

    asyncio.run(serve())


async def handover_seconds(url: str, runs: int) -> list[float]:
    """Create runs here, one at a time; the seconds from created to started there."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    worker = context.Process(target=work, args=(url, ready, done), daemon=True)
    async with ef.Runtime(url, [TRIVIAL]) as runtime:
        worker.start()
        try:
            await asyncio.to_thread(ready.wait, 30)
            return [await _one_handover(runtime) for _ in range(runs)]
        finally:
            done.set()
            await asyncio.to_thread(worker.join, 10)


async def _one_handover(runtime: ef.Runtime) -> float:
    await asyncio.sleep(PAUSE)
    run = await runtime.create_run("trivial", input={"value": 1})
    await run.result(timeout=30)
    state = await run.state()
    assert state.started_at is not None
    return (state.started_at - state.created_at).total_seconds()
