"""Durable steps and fan-out: what was recorded is not done again, and nothing is recorded twice."""

import asyncio
import threading
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.core import events as e
from eventflow.definition.stage import Stage
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import types

QUICK = ef.Retry(initial=1.0)


@frozen
class Page:
    """What a step gives."""

    number: int
    text: str


class Calls:
    """Functions for steps, which remember how often they were called."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.under_way = 0
        self.most = 0

    async def fetch(self, number: int) -> Page:
        """Give a page."""
        self.made[f"fetch {number}"] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return Page(number, f"page {number}")

    def count(self, page: Page, *, add: int = 0) -> int:
        """Count letters, in a thread."""
        self.made[f"count {page.number}"] += 1
        return len(page.text) + add


def workflow_of(stage: Stage[int, int]) -> ef.Workflow[int, int]:
    """A workflow of one stage."""
    return ef.define_workflow("w", input=int).pipe(stage).build()


async def outputs(run: ef.Run) -> dict[str, object]:
    """The steps of the run's one stage."""
    (stage,) = (await run.state()).stages.values()
    return dict(stage.steps)


async def test_a_step_is_not_done_again_when_its_stage_is(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The recorded output comes back as its class, and only what was not recorded is done."""
    calls = Calls()

    @ef.stage(retry=QUICK)
    async def reads(ctx: ef.StageContext[int]) -> int:
        page = await ctx.step("fetch", calls.fetch, ctx.input)
        assert page == Page(7, "page 7")
        letters = await ctx.step("count", calls.count, page, add=1)
        if ctx.attempt < 3:
            raise OSError("again")
        return letters

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 7)
    assert await clock.run_until(run.result()) == 7
    assert calls.made == {"fetch 7": 1, "count 7": 1}
    assert await outputs(run) == {"fetch": {"number": 7, "text": "page 7"}, "count": 7}
    assert Counter(await types(run))["step.completed"] == 2
    await run.verify()


async def test_a_plain_stage_uses_steps_as_they_are(open_runtime: Open, clock: ManualClock) -> None:
    """In a thread a step gives its output itself, and so does a fan-out."""
    calls = Calls()

    @ef.stage(retry=QUICK)
    def reads(ctx: ef.StageContext[int]) -> int:
        page: object = ctx.step("fetch", calls.fetch, ctx.input)
        letters: object = ctx.step("count", calls.count, Page(1, "abc"))
        pages: object = ctx.map([1, 2], calls.fetch)
        assert (page, letters) == (Page(7, "page 7"), 3)
        assert pages == [Page(1, "page 1"), Page(2, "page 2")]
        if ctx.attempt == 1:
            raise OSError("again")
        return 1

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 7)
    assert await clock.run_until(run.result()) == 1
    assert set(calls.made.values()) == {1}


async def test_another_process_goes_on_behind_the_steps_of_a_dead_one(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A step survives the end of its worker; what that one still says is refused and recorded."""
    calls = Calls()
    begun, go_on = asyncio.Event(), asyncio.Event()
    went_on: list[str] = []

    @ef.stage
    async def reads(ctx: ef.StageContext[int]) -> int:
        await ctx.step("fetch", calls.fetch, 1)
        if ctx.attempt == 1:
            begun.set()
            await go_on.wait()
            await ctx.step("late", calls.fetch, 2)
            went_on.append("the zombie")
        return ctx.attempt

    first = await open_runtime(workflow_of(reads), worker_id="first")
    second = await open_runtime(workflow_of(reads), worker_id="second")
    await first.start()
    run = await first.create_run("w", 0)
    await clock.run_until(begun.wait())
    first._worker._leases._jobs.clear()  # it renews no more
    await clock.advance(61)
    await second.start()
    assert await clock.run_until(run.result()) == 2
    go_on.set()
    await clock.advance(1)
    assert calls.made == {"fetch 1": 1, "fetch 2": 1}
    assert went_on == []
    discarded = [each.event for each in await run.history() if each.type == "result.discarded"]
    assert discarded == [
        e.ResultDiscarded(
            "reads",
            4,
            "step completed",
            {"name": "late", "output": {"number": 2, "text": "page 2"}},
        )
    ]
    assert (await run.state()).output == 2


async def test_steps_outlive_a_suspension_and_not_a_rewind(
    open_runtime: Open, clock: ManualClock
) -> None:
    """They belong to the stage in its generation, whoever executes it."""
    calls = Calls()

    @ef.stage
    async def reads(ctx: ef.StageContext[int]) -> ef.Completed[int] | ef.Suspended[None]:
        await ctx.step("fetch", calls.fetch, 1)
        return ef.Completed(1) if ctx.signal else ef.Suspended(None, signal="go")

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    await run.signal("go", "on")
    await clock.run_until(run.result())
    assert calls.made == {"fetch 1": 1}
    await run.rerun_from("reads")
    await clock.advance(1)
    assert calls.made == {"fetch 1": 2}


async def test_a_step_keeps_no_lease_from_being_renewed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A step that comes long after the claim does not make its job look abandoned."""
    calls = Calls()

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        for number in range(10):
            await clock.sleep(100)
            await ctx.step(f"fetch {number}", calls.fetch, number)
        return ctx.attempt

    first = await open_runtime(workflow_of(slow))
    second = await open_runtime(workflow_of(slow))
    await first.start()
    await second.start()
    run = await first.create_run("w", 0)
    assert await clock.run_until(run.result()) == 1
    assert "lease.expired" not in await types(run)


async def test_a_worker_that_is_stopped_leaves_its_items_to_others(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What had finished is recorded before the job is given back; no attempt is used up."""
    calls = Calls()

    async def fetch(number: int) -> Page:
        page = await calls.fetch(number)
        await clock.sleep(1)
        return page

    @ef.stage
    async def reads(ctx: ef.StageContext[int]) -> int:
        await ctx.map(range(20), fetch, concurrency=2, progress=False)
        return ctx.attempt

    first = await open_runtime(workflow_of(reads))
    second = await open_runtime(workflow_of(reads))
    await first.start()
    run = await first.create_run("w", 0)
    await clock.advance(5.5)
    await clock.run_until(first.stop(grace=0.1))
    done = len(await outputs(run))
    assert done >= 8
    await second.start()
    assert await clock.run_until(run.result()) == 1
    assert sum(calls.made.values()) == 20 + 2
    assert "stage.attempt_failed" not in await types(run)


async def test_a_cancelled_run_takes_no_more_steps(open_runtime: Open, clock: ManualClock) -> None:
    """Nothing further is begun, and what a thread still brings is recorded as discarded."""
    calls = Calls()
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait() -> int:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return 7

    @ef.stage
    def reads(ctx: ef.StageContext[int]) -> int:
        step: Any = ctx.step  # which gives the output itself here
        step("wait", wait)
        step("fetch", calls.fetch, 1)
        return 1

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.run_until(begun.wait())
    await run.cancel("enough")
    go_on.set()
    async with asyncio.timeout(10):
        while "result.discarded" not in await types(run):
            await clock.settle()
    discarded = [each.event for each in await run.history() if each.type == "result.discarded"]
    assert discarded[0] == e.ResultDiscarded(
        "reads", 4, "step completed", {"name": "wait", "output": 7}
    )
    assert calls.made == {}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], 'has used the name "a" for a step before'),
        ([""], "'' cannot be the name of a step"),
        ([7], "7 cannot be the name of a step"),
    ],
)
async def test_a_name_is_a_text_and_is_used_once(
    open_runtime: Open, clock: ManualClock, names: list[str], message: str
) -> None:
    """Anything else fails the stage at once, and says what is wrong."""
    calls = Calls()

    @ef.stage
    async def reads(ctx: ef.StageContext[int]) -> int:
        for name in names:
            await ctx.step(name, calls.fetch, 1)
        return 1

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="InvalidStep") as failed:
        await clock.run_until(run.result())
    assert message in failed.value.reason
    assert "stage.attempt_failed" not in await types(run)


async def test_a_fan_out_gives_results_in_order_and_does_only_what_is_missing(
    open_runtime: Open, clock: ManualClock
) -> None:
    """An item that fails ends the attempt; those under way are recorded, and not done again."""
    calls = Calls()

    async def fetch(number: int) -> Page:
        page = await calls.fetch(number)
        if number == 12 and calls.made["fetch 12"] == 1:
            raise OSError("the provider is gone")
        return page

    @ef.stage(retry=QUICK)
    async def reads(ctx: ef.StageContext[int]) -> int:
        pages = await ctx.map(range(ctx.input), fetch, concurrency=4)
        assert pages == [Page(number, f"page {number}") for number in range(ctx.input)]
        return len(pages)

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 30)
    assert await clock.run_until(run.result()) == 30
    assert calls.made == {f"fetch {number}": 2 if number == 12 else 1 for number in range(30)}
    assert calls.most == 4
    failed = [each.event for each in await run.history() if each.type == "stage.attempt_failed"]
    assert failed[0].error.message.endswith("(It is the error of fetch[12].)")
    assert "It is the error of fetch[12]." in (failed[0].error.traceback or "")
    operations = {each.op_id for each in await run.history() if each.type == "step.completed"}
    assert len(operations) <= 15


async def test_a_fan_out_over_other_items_is_refused(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Results would be given to the wrong items, so the stage fails at once."""
    calls = Calls()

    @ef.stage(retry=QUICK)
    async def reads(ctx: ef.StageContext[int]) -> int:
        await ctx.map([1, 2, ctx.attempt], calls.fetch)
        raise OSError("again")

    runtime = await open_runtime(workflow_of(reads))
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match='The items of map "fetch" are others than in'):
        await clock.run_until(run.result())
    assert Counter(await types(run))["job.claimed"] == 2


async def test_a_fan_out_tells_its_progress_now_and_then(
    open_runtime: Open, clock: ManualClock
) -> None:
    """At most once a second, and at the end; an attempt that goes on counts what was there."""

    async def work(number: int) -> int:
        await clock.sleep(0.1)
        return number

    @ef.stage
    async def maps(ctx: ef.StageContext[int]) -> int:
        await ctx.map(range(100), work, concurrency=2)
        await ctx.map(range(3), work, name="quiet", progress=False)
        return 1

    runtime = await open_runtime(workflow_of(maps))
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.run_until(run.result())
    told = [each for each in await run.history() if each.type == "stage.progressed"]
    assert 5 <= len(told) <= 6
    gaps = [b.recorded_at - a.recorded_at for a, b in pairwise(told[:-1])]
    assert all(gap >= timedelta(seconds=1) for gap in gaps)
    assert isinstance(told[-1].event, e.StageProgressed)
    assert (told[-1].event.fraction, told[-1].event.message) == (1.0, "100 of 100")
