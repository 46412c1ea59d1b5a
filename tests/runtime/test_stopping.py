"""Stopping: whatever is under way at that moment, it ends, and nothing stays claimed."""

import asyncio
from typing import Any

import pytest

import eventflow as ef
from eventflow.store.contract import DueJob
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore, settle
from tests.runtime.conftest import Open


async def types(run: ef.Run) -> list[str]:
    """The types of all events of a run."""
    return [envelope.type for envelope in await run.history()]


class Slow:
    """A workflow of two stages that take an hour each, and may be tried once."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.under_way: list[str] = []
        once = ef.Retry(max_attempts=1)
        first, second = (ef.stage(id=each, retry=once)(self._work) for each in ("first", "second"))
        self.workflow = ef.define_workflow("w", input=int).pipe(first).pipe(second).build()

    async def _work(self, ctx: ef.StageContext[int]) -> int:
        self.under_way.append(ctx.stage_id)
        try:
            await self.clock.sleep(3_600)
        finally:
            self.under_way.remove(ctx.stage_id)
        return ctx.input


async def test_a_claim_that_is_under_way_is_given_back(
    store: ObservedStore, clock: ManualClock
) -> None:
    """It was asked for before the worker stopped, and comes after the grace is over."""
    slow = Slow(clock)
    async with ef.Runtime(store, [slow.workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        store.gate.clear()
        await runtime.start()
        await clock.settle()
        stopping = asyncio.create_task(runtime.stop(grace=5))
        await clock.advance(10)
        store.gate.set()
        await clock.run_until(stopping)
        assert slow.under_way == []
        assert (await types(run))[-2:] == ["job.claimed", "lease.expired"]


async def test_what_a_look_finds_that_was_under_way_is_left_for_others(
    store: ObservedStore, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stops while the store lists what is due claims nothing of it any more."""
    slow = Slow(clock)
    due, answered = store.due, asyncio.Event()

    async def answer_late(*asked: Any) -> list[DueJob]:  # noqa: ANN401
        await answered.wait()
        return await due(*asked)

    async with ef.Runtime(store, [slow.workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        monkeypatch.setattr(store, "due", answer_late)
        await runtime.start()
        await clock.settle()
        stopping = asyncio.create_task(runtime.stop())
        await clock.settle()
        answered.set()
        await clock.settle()
        await stopping
        assert await types(run) == ["run.created", "stage.scheduled"]


@pytest.mark.parametrize("claimed", [True, False])
async def test_a_worker_that_somebody_cancels_gives_back_what_it_had_in_hand(
    store: ObservedStore, clock: ManualClock, *, claimed: bool
) -> None:
    """Nobody would renew the leases of its jobs, also not of one whose claim is under way."""
    slow = Slow(clock)
    async with ef.Runtime(store, [slow.workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        if not claimed:
            store.gate.clear()
        await runtime.start()
        await clock.settle()
        (working,) = [each for each in asyncio.all_tasks() if each.get_name() == "eventflow worker"]
        working.cancel()
        await clock.settle()
        store.gate.set()
        await asyncio.wait({working})
        assert slow.under_way == []
        assert (await types(run))[-2:] == ["job.claimed", "lease.expired"]


async def test_what_was_claimed_along_with_a_last_result_is_given_back(
    store: ObservedStore, clock: ManualClock
) -> None:
    """The result counts, and the stage behind it has lost no attempt: it may be tried but once."""
    slow = Slow(clock)
    async with ef.Runtime(store, [slow.workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        await runtime.start()
        await clock.advance(3_599)
        store.gate.clear()
        await clock.advance(2)
        stopping = asyncio.create_task(runtime.stop(grace=5))
        await clock.advance(10)
        store.gate.set()
        await clock.run_until(stopping)
        assert slow.under_way == []
        kinds = await types(run)
        assert kinds[4:] == ["stage.completed", "stage.scheduled", "job.claimed", "lease.expired"]
        await runtime.start()
        assert await clock.run_until(run.result()) == 1


async def test_a_claim_is_not_waited_for_while_the_store_is_away(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away between the look and the claim, and stays away; the worker ends."""
    slow = Slow(clock)
    runtime = await open_runtime(slow.workflow)
    run = await runtime.create_run("w", 1)
    due = store.due

    async def answer_for_the_last_time(*asked: Any) -> list[DueJob]:  # noqa: ANN401
        found = await due(*asked)
        store.failure = ef.StoreUnavailable("away")
        return found

    monkeypatch.setattr(store, "due", answer_for_the_last_time)
    await runtime.start()
    await clock.advance(20)
    await clock.run_until(runtime.stop(grace=5), 60)
    store.failure = None
    assert await types(run) == ["run.created", "stage.scheduled"]


async def test_a_cancelled_call_gives_back_what_it_had_in_hand(
    open_runtime: Open, clock: ManualClock
) -> None:
    """An application that drives the engine itself may be interrupted; another goes on at once."""
    slow = Slow(clock)
    runtime = await open_runtime(slow.workflow)
    run = await runtime.create_run("w", 1)
    driving = asyncio.create_task(runtime.transition_run(run.id))
    await clock.advance(10)
    assert slow.under_way == ["first"]
    driving.cancel()
    await clock.settle()
    assert slow.under_way == []
    assert (await types(run))[-1] == "lease.expired"
    assert (await clock.run_until(runtime.transition_run(run.id))).output == 1


async def test_a_store_that_is_away_keeps_nobody_from_stopping(
    store: ObservedStore, clock: ManualClock
) -> None:
    """A worker that waits for it stops at once, however long its pauses have become."""
    async with ef.Runtime(store, [Slow(clock).workflow], clock=clock) as runtime:
        await runtime.start()
        store.failure = ef.StoreUnavailable("away")
        await clock.advance(60)
        began = clock.now()
        await clock.run_until(runtime.stop())
        assert clock.now() == began
        store.failure = None


async def test_a_claim_of_a_call_that_was_cancelled_is_given_back(
    store: ObservedStore, clock: ManualClock
) -> None:
    """The store answers when nobody waits any more, and still no attempt is used up."""
    slow = Slow(clock)
    async with ef.Runtime(store, [slow.workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        store.gate.clear()
        driving = asyncio.create_task(runtime.transition_run(run.id))
        await settle()
        assert len(store.appends) == 2
        driving.cancel()
        await settle()
        store.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await driving
        assert slow.under_way == []
        assert (await types(run))[-2:] == ["job.claimed", "lease.expired"]
