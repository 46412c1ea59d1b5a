"""A run created and seen through to its end by one call, with and without a worker."""

import asyncio
from collections import Counter

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types
from tests.scenarios.test_suspension import Provider, batch_stage


async def test_a_run_is_seen_through_without_a_worker(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Its output is given, and nothing else of the store is touched."""
    runtime = await open_runtime(ARITHMETIC)
    other = await runtime.create_run("arithmetic", 6)
    output = await clock.run_until(runtime.run_and_wait("arithmetic", 5, metadata={"a": 1}))
    assert output == "Final: 60"
    assert [e.type for e in await other.history()] == ["run.created", "stage.scheduled"]
    assert len((await runtime.runs(metadata={"a": 1})).items) == 1


async def test_a_worker_that_was_started_does_the_work(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The call only waits for it."""
    runtime = await open_runtime(ARITHMETIC, worker_id="the-worker")
    await runtime.start()
    await clock.run_until(runtime.run_and_wait("arithmetic", 5))
    row = (await runtime.runs()).items[0]
    claims = [e for e in await runtime.run(row.run_id).history() if e.type == "job.claimed"]
    assert {e.actor for e in claims} == {"the-worker"}
    assert len(claims) == 4


async def test_another_process_may_do_part_of_the_work(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Each stage is executed once, by whoever claims it first."""
    executed: Counter[str] = Counter()

    @ef.stage
    async def here(ctx: ef.StageContext[int]) -> int:
        executed["here"] += 1
        return ctx.input

    @ef.stage
    async def there(ctx: ef.StageContext[int]) -> int:
        executed["there"] += 1
        await clock.sleep(100)
        return ctx.input

    build = ef.define_workflow("w", input=int).pipe(here).pipe(there)
    partly = ef.define_workflow("w", input=int).pipe(here).build()
    whole, part = await open_runtime(build.build()), await open_runtime(partly)
    run = await whole.create_run("w", 1, idempotency_key="once")
    assert (await clock.run_until(part.transition_run(run.id))).status is ef.Status.RUNNING
    asked = asyncio.create_task(whole.run_and_wait("w", 1, idempotency_key="once"))
    again = asyncio.create_task(whole.run_and_wait("w", 1, idempotency_key="once"))
    assert await clock.run_until(asked) == 1
    assert await clock.run_until(again) == 1
    assert executed == {"here": 1, "there": 1}


async def test_retries_and_checks_are_made_when_they_are_due(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Also while another stage of the group is under way, and not a moment later."""
    tried: list[float] = []
    begun = clock.now()

    @ef.stage
    async def flaky(ctx: ef.StageContext[int]) -> int:
        tried.append((clock.now() - begun).total_seconds())
        if ctx.attempt < 3:
            raise OSError("away")
        return 1

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(500)
        return 2

    @ef.stage
    async def total(ctx: ef.StageContext[dict[str, int]]) -> int:
        return sum(ctx.input.values())

    provider = Provider(clock, seconds=50)
    workflow = (
        ef.define_workflow("w", input=int)
        .parallel(flaky, slow)
        .pipe(total)
        .pipe(batch_stage(provider))
        .build()
    )
    runtime = await open_runtime(workflow)
    assert await clock.run_until(runtime.run_and_wait("w", 0)) is not None
    assert tried == [0, 2, 6]
    assert (clock.now() - begun).total_seconds() == 500 + 30 + 1


async def test_the_end_is_told_as_by_result(open_runtime: Open, clock: ManualClock) -> None:
    """A run that fails or is cancelled raises what `run.result` raises."""

    @ef.stage
    async def fails(ctx: ef.StageContext[int]) -> ef.Completed[int] | ef.Failed:
        return ef.Failed("no")

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(1_000)
        return 1

    one = ef.define_workflow("fails", input=int).pipe(fails).build()
    other = ef.define_workflow("waits", input=int).pipe(waits).build()
    runtime = await open_runtime(one, other)
    with pytest.raises(ef.RunFailed, match="no"):
        await clock.run_until(runtime.run_and_wait("fails", 1))
    with pytest.raises(ef.InvalidInput):
        await runtime.run_and_wait("fails", "one")
    waiting = asyncio.create_task(runtime.run_and_wait("waits", 1))
    await clock.advance(10)
    run = runtime.run((await runtime.runs(status="running")).items[0].run_id)
    await run.cancel("enough")
    with pytest.raises(ef.RunCancelled, match="enough"):
        await clock.run_until(waiting)


@pytest.mark.parametrize("gives_up", ["timeout", "cancel"])
async def test_who_gives_up_gives_the_work_back(
    open_runtime: Open, clock: ManualClock, gives_up: str
) -> None:
    """The run stays, its stage is cancelled here, and anybody may claim it at once."""
    ended: list[int] = []

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        try:
            await clock.sleep(100)
        finally:
            ended.append(ctx.attempt)
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(slow).build())
    if gives_up == "timeout":
        with pytest.raises(ef.ResultTimeout, match="within 5 s"):
            await clock.run_until(runtime.run_and_wait("w", 1, timeout=5))
    else:
        waiting = asyncio.create_task(runtime.run_and_wait("w", 1))
        await clock.advance(5)
        waiting.cancel()
        await clock.settle()
        assert waiting.cancelled()
    assert ended == [1]
    run = runtime.run((await runtime.runs()).items[0].run_id)
    assert (await types(run))[-1] == "lease.expired"
    assert (await clock.run_until(runtime.transition_run(run.id))).output == 1
    assert ended == [1, 1]
