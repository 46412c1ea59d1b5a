"""Waits of every day: for a person who says something typed, and for a time to come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.definition.stage import Stage
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import types

DAY = 86_400


@frozen
class Approval:
    """What an approver says."""

    by: str
    limit: int = 100


@ef.stage(signal="approval", payload=Approval)
async def approve(ctx: ef.StageContext[int]) -> str | ef.Suspended[None]:
    """Wait for an approval."""
    if not ctx.resumed:
        return ef.Suspended.for_signal("approval", max_wait=7 * DAY)
    approval: Approval = ctx.signal
    assert isinstance(approval, Approval)
    return f"{ctx.input} of {approval.limit}, says {approval.by}"


APPROVAL = ef.define_workflow("approval", input=int).pipe(approve).build()


async def test_a_typed_payload_reaches_the_stage_as_its_class(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It is stored with its defaults filled in; an instance and plain data are the same."""
    runtime = await open_runtime(APPROVAL)
    await runtime.start()
    for payload in ({"by": "ada"}, Approval("ada")):
        run = await runtime.create_run("approval", 7)
        await run.signal("approval", payload, actor="ada")
        assert await clock.run_until(run.result()) == "7 of 100, says ada"
        (signal,) = (await run.state()).signals
        assert signal.payload == {"by": "ada", "limit": 100}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ({"by": 3}, "by: "),
        ({}, "by: "),
        ({"by": "ada", "limmit": 3}, "limmit: "),
        (None, "expected"),
    ],
)
async def test_a_payload_that_does_not_fit_is_refused_where_it_is_sent(
    open_runtime: Open, clock: ManualClock, payload: object, problem: str
) -> None:
    """With the path of each field that is wrong; nothing is appended."""
    runtime = await open_runtime(APPROVAL)
    run = await runtime.create_run("approval", 7)
    before = await types(run)
    with pytest.raises(ef.InvalidInput, match='The payload of signal "approval"') as refused:
        await run.signal("approval", payload)
    assert any(problem in str(each) for each in refused.value.problems)
    assert await types(run) == before


async def test_a_payload_from_a_process_that_does_not_know_the_workflow_is_checked_by_the_stage(
    open_runtime: Open, clock: ManualClock
) -> None:
    """It is stored as it came, and fails the stage at once if it does not fit."""
    runtime = await open_runtime(APPROVAL)
    stranger = await open_runtime()
    await runtime.start()
    run = await runtime.create_run("approval", 7)
    await stranger.run(run.id).signal("approval", {"by": 3})
    with pytest.raises(ef.RunFailed, match="InvalidInput"):
        await clock.run_until(run.result())


async def test_a_payload_of_none_is_not_the_same_as_no_signal(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`ctx.signal_name` tells them apart, and `ctx.resumed` a first execution from later ones."""
    seen: list[tuple[bool, object, str | None]] = []

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[None]:
        seen.append((ctx.resumed, ctx.signal, ctx.signal_name))
        match len(seen):
            case 1:
                return ef.Suspended.for_signal("go")
            case 2:
                return ef.Suspended.for_duration(10)
            case _:
                return len(seen)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(waits).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await run.signal("go")
    assert await clock.run_until(run.result()) == 3
    assert seen == [(False, None, None), (True, None, "go"), (True, None, None)]


async def begun(open_runtime: Open, suspended: ef.Suspended[Any], **options: Any) -> ef.Run:  # noqa: ANN401 - of a stage
    """Begin a run whose stage suspends like this, and says what woke it."""

    @ef.stage(state=Any, **options)
    async def waits(ctx: ef.StageContext[int]) -> str | ef.Suspended[Any]:
        if not ctx.resumed:
            return suspended if ctx.input else ef.Suspended.until(datetime.max.replace(tzinfo=UTC))
        return f"{ctx.signal_name or 'time'}: {ctx.resume_state}"

    workflow = ef.define_workflow("w", input=int).pipe(waits).build()
    runtime = await open_runtime(workflow, job_poll_interval=2.0)
    await runtime.start()
    run: ef.Run = await runtime.create_run("w", 1)
    return run


@pytest.mark.parametrize("duration", [3600, timedelta(hours=1)])
async def test_a_stage_sleeps_for_a_duration(
    open_runtime: Open, clock: ManualClock, duration: float | timedelta
) -> None:
    """It is executed again with its state when the time is over, and not before."""
    run = await begun(open_runtime, ef.Suspended.for_duration(duration, "tea"))
    await clock.advance(3598)
    assert (await run.state()).status is ef.Status.SUSPENDED
    assert "job.claimed" not in (await types(run))[5:]
    await clock.advance(5)
    assert await clock.run_until(run.result()) == "time: tea"


async def test_a_stage_sleeps_until_a_moment(open_runtime: Open, clock: ManualClock) -> None:
    """A moment of any time zone; one that is over ends the wait at once."""
    moment = clock.now() + timedelta(hours=1)
    run = await begun(open_runtime, ef.Suspended.until(moment, [1]))
    await clock.advance(3600 - 2)
    assert (await run.state()).status is ef.Status.SUSPENDED
    await clock.advance(4)
    assert (await run.state()).output == "time: [1]"
    late = await begun(open_runtime, ef.Suspended.until(moment - timedelta(days=9)))
    await clock.advance(1)
    assert (await late.state()).output == "time: None"


async def test_a_sleep_may_complete_the_stage(open_runtime: Open, clock: ManualClock) -> None:
    """The output is checked when the stage suspends, and nothing of it is called again."""
    sleeping = ef.Suspended.for_duration(60, then=ef.Ready("rested"))
    run = await begun(open_runtime, sleeping)
    assert await clock.run_until(run.result()) == "rested"
    assert "stage.resumed" not in await types(run)
    wrong = await begun(open_runtime, ef.Suspended.for_duration(60, then=ef.Ready(7)))
    with pytest.raises(ef.RunFailed, match="InvalidOutput"):
        await clock.run_until(wrong.result())
    assert "stage.suspended" not in await types(wrong)


async def test_a_sleep_survives_the_end_of_every_process(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Its time is in the store, so whoever is there when it has come goes on."""

    @ef.stage
    async def naps(ctx: ef.StageContext[int]) -> int | ef.Suspended[None]:
        return 7 if ctx.resumed else ef.Suspended.for_duration(3600)

    workflow = ef.define_workflow("w", input=int).pipe(naps).build()
    first = await open_runtime(workflow)
    await first.start()
    run = await first.create_run("w", 0)
    await clock.advance(1)
    await clock.run_until(first.stop())
    await clock.advance(2 * 3600)
    later = await open_runtime(workflow)
    await later.start()
    assert await clock.run_until(later.run(run.id).result()) == 7


async def test_nothing_cuts_a_sleep_short(open_runtime: Open, clock: ManualClock) -> None:
    """A signal that the stage declares is kept for when it waits for it; its check is not asked."""
    asked: list[int] = []

    @ef.stage(signal="go")
    async def naps(ctx: ef.StageContext[int]) -> str | ef.Suspended[int]:
        if not ctx.resumed:
            return ef.Suspended.for_duration(100, 1)
        if ctx.signal_name is None:
            return ef.Suspended.for_signal("go", 2)
        return f"{ctx.resume_state}: {ctx.signal}"

    @naps.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending:
        asked.append(state)
        return ef.Pending()

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(naps).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    await run.signal("go", "now")
    await clock.advance(97)
    assert (await run.state()).status is ef.Status.SUSPENDED
    assert await clock.run_until(run.result()) == "2: now"
    assert asked == []


@pytest.mark.parametrize(
    ("then", "outcome"),
    [(ef.Reenter(), "time: asked"), (ef.Ready("nobody"), "nobody"), (None, None)],
)
async def test_a_stage_says_what_becomes_of_it_when_no_signal_comes(
    open_runtime: Open,
    clock: ManualClock,
    then: ef.Reenter | ef.Ready[str] | None,
    outcome: str | None,
) -> None:
    """It is executed again, or completes, or else fails."""
    run = await begun(open_runtime, ef.Suspended.for_signal("go", "asked", max_wait=60, then=then))
    await clock.advance(58)
    assert (await run.state()).status is ef.Status.SUSPENDED
    if outcome is None:
        with pytest.raises(ef.RunFailed, match="still pending after waiting for 0:01:00"):
            await clock.run_until(run.result())
    else:
        assert await clock.run_until(run.result()) == outcome
    again = await begun(
        open_runtime, ef.Suspended.for_signal("go", "asked", max_wait=60, then=then)
    )
    await again.signal("go")
    assert await clock.run_until(again.result()) == "go: asked"


async def test_what_follows_a_last_check_that_is_pending(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The last check is made, and then the stage goes on as it said instead of failing."""
    asked: list[int] = []

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        if ctx.resumed:
            return len(asked)
        return ef.Suspended(1, check_after=40, max_wait=100, then=ef.Reenter())

    @waits.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending:
        asked.append(state)
        return ef.Pending()

    stage: Stage[int, int] = waits
    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(stage).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    assert await clock.run_until(run.result()) == 3
