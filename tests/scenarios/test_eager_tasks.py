"""An application may let the tasks of its loop begin at once, as Python 3.12 and newer can."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

import eventflow as ef

EAGER: Any = getattr(asyncio, "eager_task_factory", None)

pytestmark = pytest.mark.skipif(
    EAGER is None, reason="Python 3.12 brought tasks that begin at once"
)

SOON = 30.0
"""Seconds of real time within which everything has happened that does not wait for anything."""


class Orders:
    """A workflow with a bit of everything, and how often each of its functions was called."""

    def __init__(self) -> None:
        self.called: Counter[str] = Counter()
        self.packing = asyncio.Event()
        self.may_pack = asyncio.Event()
        self.workflow = self._workflow()

    async def price(self, item: str) -> int:
        """Give a number without ever waiting, as the first step of a task may."""
        self.called["price"] += 1
        return len(item)

    def stock(self, item: str) -> int:
        """Give a number from a thread."""
        self.called["stock"] += 1
        return len(item) * 10

    def _workflow(self) -> ef.Workflow[Any, Any]:
        @ef.stage
        async def quote(ctx: ef.StageContext[list[str]]) -> int:
            await ctx.log("quoting", items=len(ctx.input))
            first = await ctx.step("first", self.price, ctx.input[0])
            second = await ctx.step("second", self.stock, ctx.input[0])
            prices = await ctx.map(ctx.input, self.price, concurrency=2)
            await ctx.annotate("first", first)
            return sum(prices) + second

        @ef.stage(retry=ef.Retry(max_attempts=2, initial=0))
        async def reserve(ctx: ef.StageContext[int]) -> int:
            await ctx.step("reserve", self.price, "reserve")
            if ctx.attempt == 1:
                raise ConnectionError("the warehouse is away")
            return ctx.input + 1

        @ef.stage
        def check(ctx: ef.StageContext[int]) -> int:
            ctx.progress(1.0)
            return ctx.input + 2

        @ef.stage
        async def approve(
            ctx: ef.StageContext[dict[str, int]],
        ) -> dict[str, int] | ef.Suspended[None]:
            if not ctx.resumed:
                return ef.Suspended.for_signal("approval")
            return {**ctx.input, "approved": ctx.signal}

        @ef.stage
        async def pack(ctx: ef.StageContext[dict[str, int]]) -> dict[str, int]:
            self.packing.set()
            await self.may_pack.wait()
            return ctx.input

        return (
            ef.define_workflow("orders", input=list[str])
            .pipe(quote)
            .parallel(reserve, check)
            .pipe(approve)
            .pipe(pack)
            .build()
        )


async def until(run: ef.Run, event_type: str, after: int = 0) -> None:
    """Follow a run until it has come to something."""
    async for envelope in run.events(after=after):
        if envelope.type == event_type:
            return


@pytest.fixture
async def orders() -> Orders:
    """Orders to work on, on a loop whose tasks begin at once."""
    asyncio.get_running_loop().set_task_factory(EAGER)
    return Orders()


@pytest.fixture
async def working(store_url: str, orders: Orders) -> AsyncIterator[ef.Runtime]:
    """A worker as an application has it: no clock of a test lets a task wait between two calls."""
    async with ef.Runtime(store_url, [orders.workflow]) as runtime, asyncio.timeout(SOON):
        await runtime.start()
        yield runtime


async def test_a_run_goes_its_way_and_is_rerun(working: ef.Runtime, orders: Orders) -> None:
    """Steps, a retry, siblings, a signal and a rerun come to what they come to on any loop."""
    orders.may_pack.set()
    run = await working.create_run("orders", ["pen", "paper"])
    await until(run, "stage.suspended")
    await run.signal("approval", 7)
    assert await run.result() == {"reserve": 39, "check": 40, "approved": 7}
    types = Counter(envelope.type for envelope in await run.history())
    assert types["stage.attempt_failed"] == 1
    assert types["stage.completed"] == 5
    assert orders.called == {"price": 4, "stock": 1}
    await run.rerun_from("reserve")
    ended = (await run.state()).version
    await until(run, "stage.suspended", after=ended)
    await run.signal("approval", 8)
    assert await run.result() == {"reserve": 39, "check": 40, "approved": 8}
    assert orders.called == {"price": 5, "stock": 1}
    await run.verify()


async def test_a_cancelled_run_lets_its_stage_go_and_is_rerun(
    working: ef.Runtime, orders: Orders
) -> None:
    """The task of a stage is cancelled wherever it was begun, and nothing of the run is lost."""
    run = await working.create_run("orders", ["pen"])
    await run.signal("approval", 1)
    await orders.packing.wait()
    assert await run.cancel(reason="changed my mind")
    with pytest.raises(ef.RunCancelled):
        await run.result()
    orders.may_pack.set()
    await run.rerun_from("pack")
    assert await run.result() == {"reserve": 34, "check": 35, "approved": 1}


async def test_many_runs_at_once(working: ef.Runtime, orders: Orders) -> None:
    """What many tasks append, read and renew at the same time is appended, read and renewed."""
    orders.may_pack.set()
    runs = [await working.create_run("orders", ["pen"]) for _ in range(20)]
    await asyncio.gather(*(run.signal("approval", number) for number, run in enumerate(runs)))
    results = await asyncio.gather(*(run.result() for run in runs))
    assert [result["approved"] for result in results] == list(range(20))


async def test_a_stage_that_blocks_the_loop_before_it_first_waits_is_told_of() -> None:
    """Its time counts from where it began, also if that was before anybody could set a timer."""
    asyncio.get_running_loop().set_task_factory(EAGER)

    @ef.stage(timeout=0.001)
    async def blocks(ctx: ef.StageContext[int]) -> int:
        time.sleep(0.15)  # noqa: ASYNC251 - what is told of
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(blocks).build()
    with capture_logs() as logs:
        async with ef.Runtime("memory://", [workflow]) as runtime:
            assert await runtime.run_and_wait("w", 1) == 1
    assert [line["took"] >= 0.15 for line in logs if line["event"] == "stage.blocked_the_loop"] == [
        True
    ]
