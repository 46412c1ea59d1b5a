"""Cancelling is final at once, and whatever comes late is recorded as discarded."""

import asyncio
from typing import Any

import pytest

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types


@pytest.mark.parametrize("same_process", [True, False])
async def test_a_late_success_is_discarded(
    open_runtime: Open, clock: ManualClock, *, same_process: bool
) -> None:
    """Scenario 10: cancel lands while a stage is under way; the stage sees it and is cancelled."""
    seen: list[bool] = []

    @ef.stage
    async def stubborn(ctx: ef.StageContext[int]) -> int:
        try:
            await clock.sleep(3600)
        except asyncio.CancelledError:
            seen.append(ctx.cancelled)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(stubborn).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    asker = runtime if same_process else await open_runtime(workflow)
    assert await asker.run(run.id).cancel(reason="changed my mind", actor="ada")
    await clock.advance(30)
    assert seen == [True]
    with pytest.raises(ef.RunCancelled, match="changed my mind"):
        await run.result()
    history = await run.history()
    assert [e.type for e in history[-2:]] == ["run.cancelled", "result.discarded"]
    assert (history[-2].actor, history[-2].event.reason) == ("ada", "changed my mind")
    assert history[-1].event.result == 1
    assert "stage.completed" not in await types(run)


LATE: dict[str, tuple[object, list[str]]] = {
    "ready": (ef.Ready(7), ["completed"]),
    "enter again": (ef.Reenter(), ["reentered"]),
    "failed": (ef.Failed("no"), ["failed"]),
    "error": (OSError("away"), ["check failed"]),
    "pending": (ef.Pending(1), []),
}


@pytest.mark.parametrize("same_process", [True, False])
@pytest.mark.parametrize(("answer", "discarded"), LATE.values(), ids=LATE)
async def test_a_late_answer_of_a_check_is_discarded(
    open_runtime: Open,
    clock: ManualClock,
    answer: object,
    discarded: list[str],
    *,
    same_process: bool,
) -> None:
    """Scenario 10: cancel lands while a check is under way, which goes on all the same."""
    seen: list[bool] = []

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(1, check_after=10)

    @waits.check
    async def stubborn(state: int, ctx: ef.StageContext[int]) -> Any:  # noqa: ANN401 - any answer
        try:
            await clock.sleep(3600)
        except asyncio.CancelledError:
            seen.append(ctx.cancelled)
        if isinstance(answer, Exception):
            raise answer
        return answer

    workflow = ef.define_workflow("w", input=int).pipe(waits).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(11)
    asker = runtime if same_process else await open_runtime(workflow)
    assert await asker.run(run.id).cancel(reason="changed my mind", actor="ada")
    await clock.advance(100)
    assert seen == [True]
    with pytest.raises(ef.RunCancelled, match="changed my mind"):
        await run.result()
    kinds = await types(run)
    last = [e.event.outcome for e in await run.history() if e.type == "result.discarded"]
    assert (last, kinds[-1 - len(last)]) == (discarded, "run.cancelled")
    assert kinds.count("job.claimed") == 2


async def test_a_pending_run_is_never_claimed_after_it_was_cancelled(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Nothing of a cancelled run is executed; cancelling it again changes nothing."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 1)
    assert await run.cancel()
    assert not await run.cancel()
    await runtime.start()
    await clock.advance(60)
    assert await types(run) == ["run.created", "stage.scheduled", "run.cancelled"]


async def test_a_suspended_stage_of_a_cancelled_run_is_not_checked(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Its check is never asked again, and a signal is refused."""
    checks = []

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> ef.Completed[int] | ef.Suspended[int]:
        return ef.Suspended(1, check_after=10)

    @waits.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending:
        checks.append(state)
        return ef.Pending()

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(waits).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(15)
    assert checks == [1]
    assert (await run.state()).status is ef.Status.SUSPENDED
    await run.cancel()
    await clock.advance(100)
    assert checks == [1]
    with pytest.raises(ef.EventflowError, match="cancelled"):
        await run.signal("late")


async def test_a_cancelled_run_can_be_rerun(open_runtime: Open, clock: ManualClock) -> None:
    """A rewind is the way out of every ended status."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    await run.cancel()
    await runtime.start()
    await run.rerun_from("double")
    assert await clock.run_until(run.result()) == "Final: 60"
    effective = [e.type for e in await run.history(effective=True)]
    assert "run.cancelled" not in effective
    assert "run.cancelled" in await types(run)
