"""The workload of the benchmark: three trivial stages, and the ways to drive them."""

import asyncio
import time

from attrs import frozen

from eventflow.definition.builder import define_workflow
from eventflow.definition.context import StageContext
from eventflow.definition.stage import stage
from eventflow.runtime.runtime import Runtime

EVENTS_PER_RUN = 12
STAGES_PER_RUN = 3
CONCURRENCY = 512
WARM_UP = 50
PAUSE = 0.005


@frozen
class Number:
    """What goes in and comes out."""

    value: int


@stage
async def first(ctx: StageContext[Number]) -> Number:
    """Add one."""
    return Number(ctx.input.value + 1)


@stage
async def second(ctx: StageContext[Number]) -> Number:
    """Add one more."""
    return Number(ctx.input.value + 1)


@stage
async def third(ctx: StageContext[Number]) -> Number:
    """Add a last one."""
    return Number(ctx.input.value + 1)


TRIVIAL = define_workflow("trivial", input=Number).pipe(first).pipe(second).pipe(third).build()


async def one_run(runtime: Runtime) -> None:
    """Create one run, and wait for its result.

    Raises:
        RuntimeError: The result is not what it must be.
    """
    run = await runtime.create_run(TRIVIAL.id, input={"value": 1})
    result = await run.result(timeout=120)
    if result != Number(4):
        raise RuntimeError(f"run {run.id} came to {result!r}, not to 4")


async def runs_per_second(runtime: Runtime, runs: int, in_flight: int) -> float:
    """Complete so many runs, so many of them at once."""
    left = iter(range(runs))

    async def lane() -> None:
        for _ in left:
            await one_run(runtime)

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return runs / (time.perf_counter() - started)


async def latencies(runtime: Runtime, runs: int) -> list[float]:
    """Complete runs one after another, with pauses; the seconds from created to result."""
    found = []
    for _ in range(runs):
        await asyncio.sleep(PAUSE)
        started = time.perf_counter()
        await one_run(runtime)
        found.append(time.perf_counter() - started)
    return found


async def warm_up(runtime: Runtime) -> None:
    """Complete some runs that are not measured."""
    await runs_per_second(runtime, WARM_UP, in_flight=10)
