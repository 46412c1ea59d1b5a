"""eventflow: runs of three trivial stages, wide runs for stages a second, and bare appends."""

import asyncio
import sys
import time
from typing import Any

from eventflow.cli.bench.bare import bare_runs_per_second, recorded
from eventflow.cli.bench.workload import (
    CONCURRENCY,
    EVENTS_PER_RUN,
    STAGES_PER_RUN,
    TRIVIAL,
    latencies,
    runs_per_second,
    warm_up,
)
from eventflow.runtime.runtime import Runtime
from tests.benchmarks.compare.contender import Task, main
from tests.benchmarks.workload import quiet_logs

BARE = "--bare"


async def contend(task: Task) -> list[float]:
    """Do what the task says."""
    if BARE in sys.argv:
        operations = await recorded("memory://", task.count)
        return [await bare_runs_per_second(task.url, operations, task.in_flight)]
    async with Runtime(task.url, [TRIVIAL], concurrency=CONCURRENCY) as runtime:
        await runtime.start()
        await warm_up(runtime)
        if task.measure == "rest":
            return await latencies(runtime, task.count)
        if task.measure == "jobs":
            return [STAGES_PER_RUN * await _worked_off(runtime, task)]
        found = await runs_per_second(runtime, task.count, task.in_flight)
        return [EVENTS_PER_RUN * found if task.measure == "appends" else found]


async def _worked_off(runtime: Runtime, task: Task) -> float:
    """Create runs while nobody works, then work them off: runs a second."""
    await runtime.stop()
    runs: list[Any] = []
    for start in range(0, task.count, 500):
        size = min(500, task.count - start)
        runs += await asyncio.gather(
            *(runtime.create_run(TRIVIAL.id, {"value": 1}) for _ in range(size))
        )
    started = time.perf_counter()
    await runtime.start()
    await asyncio.gather(*(run.result(timeout=300) for run in runs))
    return task.count / (time.perf_counter() - started)


def measured(task: Task) -> list[float]:
    """Do what the task says, as quietly as in production."""
    quiet_logs()
    return asyncio.run(contend(task))


if __name__ == "__main__":
    main(measured)
