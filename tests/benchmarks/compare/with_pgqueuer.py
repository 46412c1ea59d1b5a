"""pgqueuer: trivial jobs, enqueued in bulk and worked off by one worker in batches of ten."""

import asyncio
import time
from datetime import timedelta

import asyncpg
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.types import QueueExecutionMode

from tests.benchmarks.compare.contender import Task, main


async def contend(task: Task) -> list[float]:
    """Tell how many jobs a second one worker executes."""
    async with asyncpg.create_pool(task.url, min_size=2, max_size=8) as pool:
        driver = AsyncpgPoolDriver(pool)
        queries = Queries(driver)
        await queries.install()
        worker = PgQueuer(driver)
        done = 0

        @worker.entrypoint("nothing")
        async def nothing(job: Job) -> None:
            nonlocal done
            done += job.payload is None

        for start in range(0, task.count, 1000):
            size = min(1000, task.count - start)
            await queries.enqueue(["nothing"] * size, [None] * size, [0] * size)
        started = time.perf_counter()
        await worker.run(
            batch_size=10,
            dequeue_timeout=timedelta(seconds=1),
            mode=QueueExecutionMode.drain,
        )
        seconds = time.perf_counter() - started
    assert done == task.count
    return [task.count / seconds]


def measured(task: Task) -> list[float]:
    """Do what the task says."""
    return asyncio.run(contend(task))


if __name__ == "__main__":
    main(measured)
