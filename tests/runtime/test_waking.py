"""Waking up: whoever waits for a run hears of its end, whatever the store does meanwhile."""

import asyncio

import pytest

import eventflow as ef
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
