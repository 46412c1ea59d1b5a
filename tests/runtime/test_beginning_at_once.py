"""Runs that a process creates while it works and has room are begun in the same append."""

import asyncio
from typing import Any

import pytest

import eventflow as ef
from eventflow.errors import StoreUnavailable
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


@ef.stage(retry=ef.Retry(max_attempts=1))
async def only(ctx: ef.StageContext[int]) -> int:
    """Add one; there is no second attempt."""
    return ctx.input + 1


@pytest.fixture
def workflow() -> ef.Workflow[Any, Any]:
    """One stage that may be tried but once."""
    return ef.define_workflow("w", input=int).pipe(only).build()


@pytest.fixture
async def working(
    open_runtime: Open, clock: ManualClock, workflow: ef.Workflow[Any, Any]
) -> ef.Runtime:
    """A worker that has looked into its store and found nothing."""
    runtime: ef.Runtime = await open_runtime(workflow, worker_id="worker-1", concurrency=2)
    await runtime.start()
    await clock.advance(1)
    return runtime


async def test_a_run_is_created_and_claimed_in_one_append(
    working: ef.Runtime, clock: ManualClock
) -> None:
    """Nobody has to find a run that its creator can begin itself."""
    run = await working.create_run("w", 1)
    assert await clock.run_until(run.result()) == 2
    operations: dict[str, list[str]] = {}
    for envelope in await run.history():
        operations.setdefault(envelope.op_id, []).append(envelope.type)
    assert list(operations.values()) == [
        ["run.created", "stage.scheduled", "run.started", "job.claimed"],
        ["stage.completed", "run.completed"],
    ]


async def test_the_claim_is_the_act_of_the_worker(working: ef.Runtime) -> None:
    """Who asked for the run has not claimed its job, though both are appended together."""
    run = await working.create_run("w", 1, actor="alice")
    actors = {envelope.type: envelope.actor for envelope in (await run.history())[:4]}
    assert actors["run.created"] == "alice"
    assert actors["job.claimed"] == "worker-1"


async def test_a_full_worker_leaves_what_it_creates_for_others(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A run beyond the room of its creator waits unclaimed, as one that another process made."""

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(1)
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(slow).build()
    runtime = await open_runtime(workflow, concurrency=2)
    await runtime.start()
    await clock.advance(1)
    runs = await asyncio.gather(*(runtime.create_run("w", number) for number in range(3)))
    assert [(await run.state()).status for run in runs] == ["running", "running", "pending"]
    await clock.advance(3)


async def test_a_caller_that_goes_away_leaves_a_run_that_is_executed(
    working: ef.Runtime, clock: ManualClock
) -> None:
    """A claim that was appended along is known to the worker, whatever becomes of who asked."""
    asking = asyncio.create_task(working.create_run("w", 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    await clock.advance(1)
    (run,) = (await working.runs()).items
    assert run.status is ef.Status.COMPLETED


async def test_a_lost_answer_gives_the_claim_back(
    working: ef.Runtime, clock: ManualClock, store: ObservedStore
) -> None:
    """A run of which its creator does not know is not held by it, and loses no attempt."""
    store.lost_answers = 1
    with pytest.raises(StoreUnavailable):
        await working.create_run("w", 1)
    await clock.advance(5)
    (run,) = (await working.runs()).items
    assert run.status is ef.Status.COMPLETED


async def test_stopping_waits_for_a_run_that_is_being_created(
    working: ef.Runtime, clock: ManualClock
) -> None:
    """What was claimed along is executed or given back before `stop` returns."""
    asking = asyncio.create_task(working.create_run("w", 1))
    await asyncio.sleep(0)
    await clock.run_until(working.stop())
    run = await asking
    assert (await run.state()).stages["only"].claim is None
