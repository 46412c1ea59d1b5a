"""The workload of the benchmarks: three trivial stages, and the ways to drive them."""

import asyncio
import logging
import time
from collections.abc import Sequence

import structlog
from attrs import frozen

import eventflow as ef
from eventflow.engine.commit import GroupCommit
from eventflow.store.contract import Operation, Store


@frozen
class Number:
    value: int


@ef.stage
async def first(ctx: ef.StageContext[Number]) -> Number:
    """Add one."""
    return Number(ctx.input.value + 1)


@ef.stage
async def second(ctx: ef.StageContext[Number]) -> Number:
    """Add one more."""
    return Number(ctx.input.value + 1)


@ef.stage
async def third(ctx: ef.StageContext[Number]) -> Number:
    """Add a last one."""
    return Number(ctx.input.value + 1)


TRIVIAL = ef.define_workflow("trivial", input=Number).pipe(first).pipe(second).pipe(third).build()


def quiet_logs() -> None:
    """Let only warnings through, as an application in production would."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


async def one_run(runtime: ef.Runtime) -> None:
    """Create one run and wait for its result."""
    run = await runtime.create_run("trivial", input={"value": 1})
    result = await run.result(timeout=120)
    assert result == Number(4), result


async def runs_per_second(runtime: ef.Runtime, runs: int, in_flight: int) -> float:
    """Complete so many runs, so many of them at once."""
    left = iter(range(runs))

    async def lane() -> None:
        for _ in left:
            await one_run(runtime)

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    return runs / (time.perf_counter() - started)


async def latencies(runtime: ef.Runtime, runs: int) -> list[float]:
    """Complete runs one after another, with pauses; the seconds from created to result."""
    found = []
    for _ in range(runs):
        await asyncio.sleep(0.005)
        started = time.perf_counter()
        await one_run(runtime)
        found.append(time.perf_counter() - started)
    return sorted(found)


class Recording:
    """A store that remembers the operations that pass, so that they can be appended again bare."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.operations: list[Operation] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def append(self, operations: Sequence[Operation]) -> object:
        """Append, and remember."""
        self.operations.extend(operations)
        return await self._store.append(operations)


async def bare_events_per_second(
    store: Store, operations: Sequence[Operation], in_flight: int
) -> float:
    """Append operations that were recorded, in their order within each run, and nothing else."""
    by_run: dict[str, list[Operation]] = {}
    for operation in operations:
        by_run.setdefault(operation.run_id, []).append(operation)
    commit = GroupCommit(store, lambda *_: None)
    left = iter(by_run.values())

    async def lane() -> None:
        for stream in left:
            for operation in stream:
                await commit.append(operation)

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(in_flight)))
    events = sum(len(operation.events) for operation in operations)
    return events / (time.perf_counter() - started)
