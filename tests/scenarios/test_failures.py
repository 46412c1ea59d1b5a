"""Retries, timeouts and failure: the budget holds, siblings drain, and a run fails once."""

from datetime import timedelta

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import stages_of, types


async def test_a_sibling_that_fails_once_keeps_the_run_alive(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 6: b completes while a waits for its retry; the run completes after it."""

    @ef.stage
    async def a(ctx: ef.StageContext[int]) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("away")
        return 1

    @ef.stage
    async def b(ctx: ef.StageContext[int]) -> int:
        return 2

    runtime = await open_runtime(ef.define_workflow("w", input=int).parallel(a, b).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    state = await run.state()
    assert (state.status, state.stages["a"].status) == (ef.Status.RUNNING, ef.Status.PENDING)
    assert state.stages["b"].status is ef.Status.COMPLETED
    assert await clock.run_until(run.result()) == {"a": 1, "b": 2}


async def test_a_sibling_that_fails_for_good_lets_the_others_finish(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 7: b's result is recorded, the run fails once, the next group never starts."""

    @ef.stage
    async def a(ctx: ef.StageContext[int]) -> int | ef.Failed:
        return ef.Failed("a is broken")

    @ef.stage
    async def b(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(10)
        return 2

    workflow = ef.define_workflow("w", input=int).parallel(a, b).pipe(ef.stage(id="next")(_total))
    runtime = await open_runtime(workflow.build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="a is broken") as failed:
        await clock.run_until(run.result())
    assert failed.value.stage == "a"
    assert await stages_of(run, "stage.completed") == ["b"]
    assert "next" not in await stages_of(run, "stage.scheduled")
    assert (await types(run)).count("run.failed") == 1


async def _total(ctx: ef.StageContext[dict[str, int]]) -> int:
    return sum(ctx.input.values())


async def test_three_failures_use_up_the_budget(open_runtime: Open, clock: ManualClock) -> None:
    """Scenario 12: three attempts, two and four seconds apart, all recorded."""

    @ef.stage
    async def never(ctx: ef.StageContext[int]) -> int:
        raise OSError(f"attempt {ctx.attempt}")

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(never).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="attempt 3"):
        await clock.run_until(run.result())
    failures = [e for e in await run.history() if e.type == "stage.attempt_failed"]
    assert [e.event.error.message for e in failures] == ["attempt 1", "attempt 2"]
    delays = [e.event.retry_at - e.recorded_at for e in failures]
    assert delays == [timedelta(seconds=2), timedelta(seconds=4)]
    assert (await types(run)).count("stage.failed") == 1


@pytest.mark.parametrize("returned", ["not a number", None, [1]])
async def test_an_output_that_does_not_fit_ends_the_run_at_once(
    open_runtime: Open, clock: ManualClock, returned: object
) -> None:
    """Scenario 12: a schema error is not retried."""

    @ef.stage
    async def wrong(ctx: ef.StageContext[int]) -> int:
        return returned  # type: ignore[return-value]

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(wrong).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="InvalidOutput"):
        await clock.run_until(run.result())
    assert "stage.attempt_failed" not in await types(run)


async def test_the_output_of_the_run_is_checked_against_its_schema(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The stage completed, but what the run came to is not what the workflow promises."""

    @ef.stage
    async def anything(ctx: ef.StageContext[int]) -> object:
        return ctx.input

    workflow = ef.define_workflow("w", input=int, output=str).pipe(anything).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="InvalidOutput"):
        await clock.run_until(run.result())
    assert await stages_of(run, "stage.completed") == ["anything"]


async def test_a_timeout_is_a_failed_attempt(open_runtime: Open, clock: ManualClock) -> None:
    """An attempt that takes too long is cancelled, and made again."""
    cancelled = []

    @ef.stage(timeout=5)
    async def slow(ctx: ef.StageContext[int]) -> int:
        if ctx.attempt == 1:
            try:
                await clock.sleep(60)
            finally:
                cancelled.append(ctx.attempt)
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(slow).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    assert await clock.run_until(run.result()) == 1
    assert cancelled == [1]
    failure = next(e.event for e in await run.history() if e.type == "stage.attempt_failed")
    assert "longer than 5 s" in failure.error.message


async def test_errors_that_the_policy_gives_up_on_are_final(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`retry_on` and `give_up_on` match an error's class and its bases."""
    calls = []

    @ef.stage(retry=ef.Retry(max_attempts=5, retry_on=(OSError,), give_up_on=(PermissionError,)))
    async def picky(ctx: ef.StageContext[int]) -> int:
        calls.append(ctx.attempt)
        raise ConnectionError("again") if ctx.attempt == 1 else PermissionError("never")

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(picky).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="never"):
        await clock.run_until(run.result())
    assert calls == [1, 2]


async def test_a_retryable_failure_is_tried_again_whatever_the_policy_covers(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A stage may say itself that it wants another attempt."""

    @ef.stage(retry=ef.Retry(retry_on=(OSError,)))
    async def asks(ctx: ef.StageContext[int]) -> ef.Completed[int] | ef.Failed:
        if ctx.attempt == 1:
            return ef.Failed("busy", retryable=True)
        return ef.Completed(7, metrics={"tries": ctx.attempt}, artifacts={"name": "x"})

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(asks).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    assert await clock.run_until(run.result()) == 7
    stage = (await run.state()).stages["asks"]
    assert (stage.metrics, stage.artifacts) == ({"tries": 2}, {"name": "x"})
