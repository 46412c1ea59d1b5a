"""procrastinate: trivial jobs, deferred in bulk and worked off by one worker."""

import asyncio
import time

from procrastinate import App, PsycopgConnector

from tests.benchmarks.compare.contender import Task, main


async def contend(task: Task) -> list[float]:
    """Tell how many jobs a second one worker executes."""
    app = App(connector=PsycopgConnector(conninfo=task.url, min_size=2, max_size=8))
    done = 0

    @app.task(name="nothing")
    async def nothing(value: int) -> None:
        nonlocal done
        done += value

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*({"value": 1} for _ in range(task.count)))
        started = time.perf_counter()
        await app.run_worker_async(
            wait=False,
            concurrency=task.in_flight,
            listen_notify=False,
            install_signal_handlers=False,
        )
        seconds = time.perf_counter() - started
    assert done == task.count
    return [task.count / seconds]


def measured(task: Task) -> list[float]:
    """Do what the task says."""
    return asyncio.run(contend(task))


if __name__ == "__main__":
    main(measured)
