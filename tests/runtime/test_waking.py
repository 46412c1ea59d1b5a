"""Waking up: whoever waits for a run hears of its end, whatever the store does meanwhile."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

import eventflow as ef
from eventflow.engine.journal import Journal
from eventflow.errors import RuntimeNotOpen
from eventflow.runtime.identifiers import new_id
from eventflow.runtime.waking import Waker
from eventflow.store.contract import Operation, Verdict
from eventflow.testing.builders import Author
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


@ef.stage
async def double(ctx: ef.StageContext[int]) -> int:
    """Double the number."""
    return ctx.input * 2


WORKFLOW = ef.define_workflow("w", input=int).pipe(double).build()


async def test_no_error_of_a_wait_is_the_last_one(
    open_runtime: Open,
    clock: ManualClock,
    store: ObservedStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who follows a run of another process hears of its end, also after a mistake in the store."""
    wait = store.wait
    failures = 3

    async def fail_at_first(after: int, timeout: float) -> int:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError("a mistake in the store")
        return await wait(after, timeout)

    follower, worker = await open_runtime(WORKFLOW), await open_runtime(WORKFLOW)
    run = await follower.create_run("w", 4)
    monkeypatch.setattr(store, "wait", fail_at_first)
    result = asyncio.create_task(run.result())
    await clock.settle()
    await worker.start()
    assert await clock.run_until(result) == 8
    assert failures == 0


async def test_many_appends_of_others_wake_everybody_only_twice(
    open_runtime: Open, clock: ManualClock, store: ObservedStore
) -> None:
    """At once for the first, and a moment later for all that came since: each asks the store."""
    creator, follower = await open_runtime(WORKFLOW), await open_runtime(WORKFLOW)
    waited_for = await creator.create_run("w", 1)
    result = asyncio.create_task(follower.run(waited_for.id).result())
    await clock.advance(1)
    store.reads.clear()
    for number in range(20):
        await creator.create_run("w", number)
        await clock.settle()
    await clock.advance(1)
    assert len(store.reads) == 2
    result.cancel()


async def test_a_run_that_another_process_cancels_is_over_for_who_waits_where_it_is_executed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The worker notices that its claim is gone, and whoever waits for the run hears of it."""

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(3600)
        return ctx.input

    workflow = ef.define_workflow("slow", input=int).pipe(slow).build()
    worker, other = await open_runtime(workflow), await open_runtime(workflow)
    await worker.start()
    await clock.advance(1)
    run = await worker.create_run("slow", 1)
    result = asyncio.create_task(run.result())
    await clock.advance(1)
    await other.run(run.id).cancel()
    await clock.advance(2)
    with pytest.raises(ef.RunCancelled):
        await result


async def test_what_was_passed_over_is_looked_at_once_its_job_has_left_this_process(
    clock: ManualClock, store: ObservedStore
) -> None:
    """Who held a job of a run hears of its end by others as soon as that job is over."""
    author = Author()
    await store.append([author.create()])
    waker = Waker(Journal(clock.watch(store), new_id), clock, poll_interval=1.0)
    waker.held = lambda run_id: run_id == author.run_id
    with waker.follow(author.run_id, to_the_end=True) as follower:
        await clock.settle()
        await store.append([author.cancel()])
        await clock.advance(5)
        assert not follower.changed.is_set()
        waker.let_go(author.run_id)
        assert follower.changed.is_set()
    await waker.close()


async def test_a_job_that_is_given_back_for_code_that_heeds_nothing_has_left_this_process(
    clock: ManualClock, store: ObservedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process cancels the run while it is given back; who waits for it hears of that."""
    deaf = True

    @ef.stage
    async def hears_nothing(ctx: ef.StageContext[int]) -> int:
        while deaf:
            with suppress(asyncio.CancelledError):
                await clock.sleep(3600)
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(hears_nothing).build()
    monkeypatch.setattr("eventflow.runtime.hands.HEEDED_WITHIN", 0.01)
    async with (
        ef.Runtime(store, [workflow], clock=clock) as runtime,
        ef.Runtime(store, [workflow], clock=clock) as other,
    ):
        await runtime.start()
        await clock.settle()
        run = await runtime.create_run("w", 1)
        result = asyncio.create_task(run.result())
        await clock.settle()
        append = store.append

        async def cancel_first(operations: Sequence[Operation]) -> list[Verdict]:
            monkeypatch.setattr(store, "append", append)
            await other.run(run.id).cancel()
            await clock.settle()
            return await append(operations)

        monkeypatch.setattr(store, "append", cancel_first)
        await runtime.stop(grace=0)
        await clock.settle()
        deaf = False
        assert result.done()
        with pytest.raises(ef.RunCancelled):
            await result
        await clock.advance(3600)


async def test_nobody_follows_a_run_beyond_the_close_of_the_runtime(
    clock: ManualClock, store: ObservedStore
) -> None:
    """Who waits for a result or for events hears of it at once, and so does who asks later."""

    async def follow(run: ef.Run) -> None:
        async for _ in run.events():
            pass

    async with ef.Runtime(clock.watch(store), [WORKFLOW], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        waiting = [asyncio.create_task(run.result()), asyncio.create_task(follow(run))]
        await clock.settle()
    await clock.settle()
    for each in waiting:
        assert isinstance(each.exception(), RuntimeNotOpen)
    with pytest.raises(RuntimeNotOpen, match="open another"):
        await run.result()
