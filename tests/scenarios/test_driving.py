"""Applications that drive the engine themselves: step by step, without a worker."""

import asyncio

import pytest

import eventflow as ef
from eventflow.runtime import driving
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, double, types
from tests.scenarios.test_suspension import Provider, batch_stage


async def test_a_run_is_driven_as_far_as_it_goes(open_runtime: Open, clock: ManualClock) -> None:
    """One call does all that is due; nothing else is touched."""
    runtime = await open_runtime(ARITHMETIC)
    run, other = [await runtime.create_run("arithmetic", n) for n in (5, 6)]
    state = await clock.run_until(runtime.transition_run(run.id))
    assert (state.status, state.output) == (ef.Status.COMPLETED, "Final: 60")
    assert (await other.state()).status is ef.Status.PENDING
    again = await clock.run_until(runtime.transition_run(run.id))
    assert again.version == state.version
    with pytest.raises(ef.RunNotFound, match="ghost"):
        await runtime.transition_run("ghost")


async def test_a_retry_is_left_for_a_later_call(open_runtime: Open, clock: ManualClock) -> None:
    """What is not due yet waits for its time."""

    @ef.stage
    async def flaky(ctx: ef.StageContext[int]) -> int:
        if ctx.attempt == 1:
            raise OSError("away")
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(flaky).build())
    run = await runtime.create_run("w", 0)
    assert (await clock.run_until(runtime.transition_run(run.id))).status is ef.Status.RUNNING
    await clock.advance(2)
    assert (await clock.run_until(runtime.transition_run(run.id))).output == 1


async def test_due_checks_are_made_in_one_call(open_runtime: Open, clock: ManualClock) -> None:
    """Only suspended stages whose time has come are asked; other jobs are left alone."""
    provider = Provider(clock, seconds=50)
    workflow = ef.define_workflow("w", input=int).pipe(batch_stage(provider)).pipe(double).build()
    runtime = await open_runtime(workflow, ARITHMETIC, concurrency=1)
    run = await runtime.create_run("w", 1)
    waiting = await runtime.create_run("arithmetic", 1)
    await clock.run_until(runtime.transition_run(run.id))
    assert await clock.run_until(runtime.poll_suspended_stages()) == 0
    await clock.advance(30)
    assert await clock.run_until(runtime.poll_suspended_stages()) == 1
    assert (await run.state()).status is ef.Status.SUSPENDED
    await clock.advance(31)
    assert await clock.run_until(runtime.poll_suspended_stages()) == 1
    assert (await run.state()).status is ef.Status.RUNNING
    assert (await clock.run_until(runtime.transition_run(run.id))).output == 200
    assert "job.claimed" not in await types(waiting)


async def test_a_backlog_hides_no_check(
    open_runtime: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many other jobs are due before it, a check that is due is made."""
    monkeypatch.setattr(driving, "MOST_AT_ONCE", 3)
    stage = batch_stage(Provider(clock, seconds=0))
    workflow = ef.define_workflow("w", input=int).pipe(stage).build()
    runtime = await open_runtime(workflow, ARITHMETIC)
    for number in range(35):
        await runtime.create_run("arithmetic", number, priority=9)
    run = await runtime.create_run("w", 1)
    await clock.run_until(runtime.transition_run(run.id))
    await clock.advance(30)
    assert await clock.run_until(runtime.poll_suspended_stages()) == 1
    assert (await run.state()).output == 100


async def test_a_sleep_ends_in_a_poll(open_runtime: Open, clock: ManualClock) -> None:
    """The poll lets it be executed again, or completes it; the rest is left for other calls."""

    @ef.stage
    async def naps(ctx: ef.StageContext[int]) -> int | ef.Suspended[None]:
        if ctx.resumed:
            return 7
        then = ef.Ready(3) if ctx.input else ef.Reenter()
        return ef.Suspended.for_duration(60, then=then)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(naps).build())
    runs = [await runtime.create_run("w", number) for number in (0, 1)]
    for run in runs:
        await clock.run_until(runtime.transition_run(run.id))
    assert await clock.run_until(runtime.poll_suspended_stages()) == 0
    await clock.advance(60)
    assert await clock.run_until(runtime.poll_suspended_stages()) == 2
    assert [(await run.state()).output for run in runs] == [None, 3]
    assert (await clock.run_until(runtime.transition_run(runs[0].id))).output == 7


async def test_a_check_that_was_taken_away_before_it_was_made_does_not_count(
    clock: ManualClock,
) -> None:
    """The answer to its claim is lost, and the run is cancelled before the claim is found again."""
    store = ObservedStore()
    stage = batch_stage(Provider(clock, seconds=0))
    workflow = ef.define_workflow("w", input=int).pipe(stage).build()
    async with ef.Runtime(clock.watch(store), [workflow], clock=clock) as runtime:
        run = await runtime.create_run("w", 1)
        await clock.run_until(runtime.transition_run(run.id))
        await clock.advance(30)
        store.lost_answers = 1
        polling = asyncio.create_task(runtime.poll_suspended_stages())
        await clock.settle()
        assert await run.cancel()
        assert await clock.run_until(polling) == 0
