"""Ctrl-C at any instruction: the program ends at once, and its runs go on later."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.store.memory import MemoryStore
from tests.interrupts import Strike

TOLD = (
    "engine/commit.py:_write_batch",
    "engine/loader.py:_read_some",
    "runtime/waking.py:see",
    "runtime/worker.py:_claim_and_do",
    "runtime/worker.py:_create",
    "store/telling.py",
    "asyncio/locks.py",
    "asyncio/tasks.py:_inner_done_callback",
    "asyncio/tasks.py:_on_completion",
)
"""Where somebody is told what the main task may wait for, in eventflow and below it."""

Program = Callable[[ef.Runtime], Awaitable[None]]


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


DOUBLING = ef.define_workflow("doubling", input=int).pipe(double).build()


async def one(runtime: ef.Runtime) -> None:
    """Create a run, look at it, and wait for it."""
    await runtime.start()
    run = await runtime.create_run("doubling", 2)
    await run.state()
    assert await run.result() == 4


async def several(runtime: ef.Runtime) -> None:
    """Wait for several runs at once, as far as the main task is concerned."""
    await runtime.start()
    runs = await asyncio.gather(*(runtime.create_run("doubling", 2) for _ in range(3)))
    assert await asyncio.gather(*(run.result() for run in runs)) == [4] * 3


async def here(runtime: ef.Runtime) -> None:
    """Do everything in the main task, without a worker."""
    run = await runtime.create_run("doubling", 2)
    await runtime.transition_run(run.id)
    assert await runtime.run_and_wait("doubling", 2) == 4


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let asyncio complain about nothing, and the engine lose nothing that it knows."""
    with capture_logs() as logged:
        yield
    gc.collect()
    complaints = [*caplog.get_records("call"), *caplog.records]
    assert [each.getMessage() for each in complaints] == []
    assert not {"stage.not_reported", "worker.failed"} & {each["event"] for each in logged}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("program", [one, several, here], ids=lambda program: program.__name__)
def test_an_interrupt_where_somebody_is_told_harms_nothing(program: Program) -> None:
    """At many of the instructions at which it could be heard there."""
    interrupt_at_each(program, TOLD, step=5)


@pytest.mark.deep
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("program", [one, several, here], ids=lambda program: program.__name__)
def test_an_interrupt_anywhere_harms_nothing(program: Program) -> None:
    """At each instruction of the engine."""
    interrupt_at_each(program, ("eventflow/", *TOLD))


@pytest.mark.usefixtures("quiet")
def test_a_second_interrupt_is_told_once() -> None:
    """It may strike anywhere, also in a task that nobody awaits; asyncio has nothing to add."""
    for at in count(1, 23):
        strike = Strike(at, ("eventflow/core/",), interrupt)
        with suppress(KeyboardInterrupt):
            asyncio.run(_watched(one, MemoryStore(), strike))
        gc.collect()
        if strike.struck is None:
            assert at > 100
            return


def interrupt() -> None:
    """Do what the handler of asyncio does when it is called again."""
    raise KeyboardInterrupt


def interrupt_at_each(program: Program, where: tuple[str, ...], step: int = 1) -> None:
    """Run a program again and again, and interrupt it at each place in turn."""
    for at in count(1, step):
        store = MemoryStore()
        strike = Strike(at, where)
        try:
            asyncio.run(_watched(program, store, strike))
        except KeyboardInterrupt:
            assert strike.struck
        asyncio.run(_go_on(store))
        if strike.struck is None:
            assert at > 10
            return


async def _watched(program: Program, store: MemoryStore, strike: Strike) -> None:
    with strike.watching():
        async with asyncio.timeout(10), ef.Runtime(store, [DOUBLING]) as runtime:
            await program(runtime)


async def _go_on(store: MemoryStore) -> None:
    """See all runs through to their ends, and find nothing wrong with them."""
    async with ef.Runtime(store, [DOUBLING]) as runtime:
        await runtime.start()
        for row in (await runtime.runs()).items:
            run = runtime.run(row.run_id)
            assert await run.result(timeout=10) == 4
            await run.verify()
