"""Stages that wait: checks, deadlines and signals, without holding a worker."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

import eventflow as ef
from eventflow.definition.stage import Stage
from eventflow.errors import RunEnded
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import add_ten, double, stages_of, types


@frozen
class Batch:
    """What a stage hands over."""

    id: str


class Provider:
    """A service outside, which takes its time."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self.clock = clock
        self.done_at = clock.now() + timedelta(seconds=seconds)
        self.asked: list[float] = []
        self.under_way = 0

    async def ask(self) -> bool:
        """Tell whether it is done; nobody else may ask at the same time."""
        assert self.under_way == 0
        self.under_way += 1
        await self.clock.sleep(1)
        self.under_way -= 1
        self.asked.append(self.clock.now().timestamp())
        return self.clock.now() >= self.done_at


def batch_stage(
    provider: Provider, stage_id: str = "batch", check_after: float = 30, max_wait: float = 86_400
) -> Stage[int, int]:
    """A stage that hands its work to a provider, and asks until it is done."""

    @ef.stage(id=stage_id)
    async def batch(ctx: ef.StageContext[int]) -> int | ef.Suspended[Batch]:
        return ef.Suspended(Batch(f"b-{ctx.input}"), check_after, max_wait)

    @batch.check
    async def ready(state: Batch, ctx: ef.StageContext[int]) -> ef.Pending | ef.Ready[int]:
        assert state == Batch(f"b-{ctx.input}")
        return ef.Ready(ctx.input * 100) if await provider.ask() else ef.Pending()

    return batch


async def test_a_suspended_stage_survives_a_restart_and_feeds_the_next(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 8: no slot is held, no check before its time, one asker at a time."""
    provider = Provider(clock, seconds=100)
    workflow = (
        ef.define_workflow("w", input=int)
        .pipe(double)
        .pipe(batch_stage(provider, check_after=30))
        .pipe(add_ten)
        .build()
    )
    first = await open_runtime(workflow, concurrency=1)
    await first.start()
    run = await first.create_run("w", 1)
    await clock.advance(5)
    assert (await run.state()).status is ef.Status.SUSPENDED
    other = ef.define_workflow("other", input=int).pipe(double).build()
    await clock.run_until(first.stop())
    workers = [await open_runtime(workflow, other, concurrency=1) for _ in range(3)]
    for worker in workers:
        await worker.start()
    quick = await workers[0].create_run("other", 2)
    assert await clock.run_until(quick.result()) == 4
    assert provider.asked == []
    assert await clock.run_until(run.result()) == 210
    assert 3 <= len(provider.asked) <= 4
    gaps = [b - a for a, b in zip(provider.asked, provider.asked[1:], strict=False)]
    assert all(gap >= 30 for gap in gaps)


async def test_two_suspended_stages_in_a_row_each_suspend_once(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 8: each has its own state and its own wait."""
    provider = Provider(clock, seconds=0)
    workflow = (
        ef.define_workflow("w", input=int)
        .pipe(batch_stage(provider, "one"))
        .pipe(batch_stage(provider, "two"))
        .build()
    )
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("w", 1)
    assert await clock.run_until(run.result()) == 10_000
    assert await stages_of(run, "stage.suspended") == ["one", "two"]


async def test_a_stage_that_is_still_pending_at_its_deadline_fails(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 9: after a last check, saying how long it waited."""
    provider = Provider(clock, seconds=10**6)
    stage = batch_stage(provider, check_after=40, max_wait=100)
    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(stage).build())
    await runtime.start()
    run = await runtime.create_run("w", 1)
    with pytest.raises(ef.RunFailed, match=r"still pending after waiting for 0:01:4"):
        await clock.run_until(run.result())
    assert len(provider.asked) == 3


async def test_a_check_that_fails_is_made_again_within_its_budget(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 9: an exception in a check is transient; its budget is the retry policy's."""
    answers: list[object] = [OSError("1"), OSError("2"), ef.Ready(7)]

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(1)

    @waits.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Ready[int]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ef.Ready)
        return answer

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(waits).build())
    await runtime.start()
    run = await runtime.create_run("w", 1)
    assert await clock.run_until(run.result()) == 7
    assert Counter(await types(run))["stage.attempt_failed"] == 2
    answers[:] = [OSError("1"), OSError("2"), OSError("3")]
    failing = await runtime.create_run("w", 1)
    with pytest.raises(ef.RunFailed, match="OSError: 3"):
        await clock.run_until(failing.result())


async def test_a_check_may_fail_the_stage_or_have_it_tried_again(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 9: `Failed` ends the stage at once; retryable, it is executed from the start."""
    answers = [ef.Failed("busy", retryable=True), ef.Failed("gone")]

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(ctx.attempt)

    @waits.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Failed:
        assert state == ctx.attempt
        return answers.pop(0)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(waits).build())
    await runtime.start()
    run = await runtime.create_run("w", 1)
    with pytest.raises(ef.RunFailed, match="gone"):
        await clock.run_until(run.result())
    assert Counter(await types(run))["stage.suspended"] == 2


async def test_a_stage_can_be_entered_again_with_its_state(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`Reenter` executes the stage with `ctx.resume_state`; no attempt is used up."""

    @ef.stage
    async def pages(ctx: ef.StageContext[int]) -> ef.Completed[int] | ef.Suspended[int]:
        assert ctx.attempt == 1
        page = ctx.resume_state or 0
        return ef.Completed(page) if page == 5 else ef.Suspended(page + 1, check_after=1)

    @pages.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Reenter:
        return ef.Reenter()

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(pages).build())
    await runtime.start()
    run = await runtime.create_run("w", 1)
    assert await clock.run_until(run.result()) == 5


@ef.stage(signal="approval")
async def approve(ctx: ef.StageContext[int]) -> str | ef.Suspended[int]:
    """Wait for a person."""
    if ctx.signal is None:
        return ef.Suspended(ctx.input, max_wait=3600)
    return f"{ctx.resume_state}: {ctx.signal['by']}"


APPROVAL = ef.define_workflow("approval", input=int).pipe(approve).build()


@pytest.mark.parametrize("when", ["before the start", "before the stage waits", "after"])
async def test_a_signal_is_used_whenever_it_arrives(
    open_runtime: Open, clock: ManualClock, when: str
) -> None:
    """It is stored when it arrives, even before the stage waits for it, and is used once."""
    runtime = await open_runtime(APPROVAL)
    run = await runtime.create_run("approval", 7)
    if when == "before the start":
        await run.signal("approval", {"by": "ada"}, actor="ada")
    await runtime.start()
    if when == "before the stage waits":
        await run.signal("approval", {"by": "ada"}, actor="ada")
    await clock.advance(10)
    if when == "after":
        assert (await run.state()).status is ef.Status.SUSPENDED
        await run.signal("something-else")
        await run.signal("approval", {"by": "ada"}, actor="ada")
    assert await clock.run_until(run.result()) == "7: ada"
    with pytest.raises(RunEnded, match="is completed, so nothing waits"):
        await run.signal("approval", {"by": "ada"})
    await run.rerun_from("approve")
    if when == "before the start":
        return
    await clock.advance(10)
    assert (await run.state()).status is ef.Status.SUSPENDED


async def test_a_signal_that_never_comes_fails_the_stage_at_its_deadline(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A stage that waits for a signal only is not asked, and ends at its deadline."""
    runtime = await open_runtime(APPROVAL)
    await runtime.start()
    run = await runtime.create_run("approval", 7)
    with pytest.raises(ef.RunFailed, match="still pending after waiting for 1:00:0"):
        await clock.run_until(run.result())


async def test_a_stage_that_is_polled_hourly_is_never_failed(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 18: a day of hourly checks, with a lease of one minute."""
    provider = Provider(clock, seconds=20 * 3600)
    stage = batch_stage(provider, check_after=3600)
    runtime = await open_runtime(
        ef.define_workflow("w", input=int).pipe(stage).build(), job_poll_interval=30.0
    )
    await runtime.start()
    run = await runtime.create_run("w", 1)
    assert await clock.run_until(run.result()) == 100
    assert "lease.expired" not in await types(run)


class Answers:
    """A check that gives these answers one after the other, and remembers when it was asked."""

    def __init__(self, clock: ManualClock, *answers: object) -> None:
        self.clock = clock
        self.answers = list(answers)
        self.asked: list[float] = []
        self.began = clock.now()

    def give(self) -> Any:  # noqa: ANN401 - what a check may answer
        """Give the next answer; the last one again and again."""
        self.asked.append(round((self.clock.now() - self.began).total_seconds()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stage(self, **options: Any) -> Stage[int, Any]:  # noqa: ANN401 - those of Suspended
        """A stage that waits for this check."""

        @ef.stage(output=int | None)
        async def waits(ctx: ef.StageContext[int]) -> ef.Suspended[int]:
            return ef.Suspended(ctx.input, **options)

        @waits.check
        async def ready(state: int, ctx: ef.StageContext[int]) -> Any:  # noqa: ANN401 - as `give`
            return self.give()

        return waits


async def suspended_run(open_runtime: Open, stage: Stage[int, Any], look: float = 0.5) -> ef.Run:
    """Begin a run whose one stage suspends, with a worker that looks every so many seconds."""
    workflow = ef.define_workflow("w", input=int).pipe(stage).build()
    runtime = await open_runtime(workflow, job_poll_interval=look)
    await runtime.start()
    run: ef.Run = await runtime.create_run("w", 1)
    return run


async def test_a_stage_is_checked_every_half_minute_for_a_day_unless_it_says_otherwise(
    open_runtime: Open, clock: ManualClock
) -> None:
    """`check_after` defaults to 30 s and `max_wait` to 24 h."""
    answers = Answers(clock, ef.Pending(), ef.Pending(), ef.Pending(40_000))
    run = await suspended_run(open_runtime, answers.stage(), look=30.0)
    await clock.advance(95)
    assert answers.asked == [30, 60, 90]
    with pytest.raises(ef.RunFailed, match="still pending after waiting for 1 day, 0:00:0"):
        await clock.run_until(run.result())
    assert answers.asked == [30, 60, 90, 40_110, 80_130, 86_400]


async def test_pending_moves_the_next_check_and_never_the_deadline(
    open_runtime: Open, clock: ManualClock
) -> None:
    """An interval of its own counts once; without one it is that of the stage; the last is made."""
    answers = Answers(clock, ef.Pending(5), ef.Pending(), ef.Pending(1000), ef.Ready(7))
    run = await suspended_run(open_runtime, answers.stage(check_after=20, max_wait=100))
    assert await clock.run_until(run.result()) == 7
    assert answers.asked == [20, 25, 45, 100]


@pytest.mark.parametrize(("answer", "output"), [(ef.Ready(0), 0), (ef.Ready(), None)])
async def test_ready_completes_the_stage(
    open_runtime: Open, clock: ManualClock, answer: ef.Ready[Any], output: int | None
) -> None:
    """A `Ready` without an output is an output of None."""
    run = await suspended_run(open_runtime, Answers(clock, answer).stage())
    assert await clock.run_until(run.result()) == output


@pytest.mark.parametrize("answer", [ef.Ready("seven"), "ready"])
async def test_what_a_check_gives_fits_its_schema(
    open_runtime: Open, clock: ManualClock, answer: object
) -> None:
    """A wrong output, or something that is no answer, fails the stage at once."""
    answers = Answers(clock, answer)
    run = await suspended_run(open_runtime, answers.stage())
    with pytest.raises(ef.RunFailed, match="InvalidOutput"):
        await clock.run_until(run.result())
    assert answers.asked == [30]


async def test_a_check_that_fails_backs_off_within_the_deadline(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The delays are those of the retry policy, and the failures are counted in the state."""
    answers = Answers(clock, OSError("1"), OSError("2"), ef.Ready(7))
    run = await suspended_run(open_runtime, answers.stage())
    await clock.advance(31)
    suspension = (await run.state()).stages["waits"].suspension
    assert suspension is not None
    assert suspension.failures == 1
    assert await clock.run_until(run.result()) == 7
    assert answers.asked == [30, 32, 36]


async def test_a_check_that_fails_now_and_then_spends_no_budget(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What counts is how many checks failed one after the other, and so do the delays."""
    troubles = [OSError("1"), OSError("2"), ef.Pending()] * 4
    answers = Answers(clock, *troubles, OSError("a"), OSError("b"), OSError("c"))
    run = await suspended_run(open_runtime, answers.stage(check_after=20))
    with pytest.raises(ef.RunFailed, match="OSError: c"):
        await clock.run_until(run.result())
    assert answers.asked[:7] == [20, 22, 26, 46, 48, 52, 72]
    assert len(answers.asked) == 15
    await run.verify()


async def test_a_suspended_stage_is_not_checked_once_its_run_is_cancelled(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Nothing is asked, and the run stays cancelled."""
    answers = Answers(clock, ef.Ready(7))
    run = await suspended_run(open_runtime, answers.stage())
    await clock.advance(10)
    assert await run.cancel()
    await clock.advance(60)
    assert answers.asked == []
    with pytest.raises(RunEnded, match="is cancelled, so nothing waits"):
        await run.signal("approval")


async def test_a_stage_waits_for_a_check_or_a_signal_whichever_comes_first(
    open_runtime: Open, clock: ManualClock
) -> None:
    """The signal executes it again, and what a check that is under way still says is discarded."""
    checking = asyncio.Event()

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> str | ef.Suspended[int]:
        if ctx.signal_name is not None:
            return f"{ctx.signal_name}: {ctx.signal}"
        return ef.Suspended(1, check_after=10, signal="go")

    @waits.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Ready[str]:
        if ctx.input == 1:
            checking.set()
            await clock.sleep(5)
        return ef.Ready("checked")

    workflow = ef.define_workflow("w", input=int).pipe(waits).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    checked = await runtime.create_run("w", 0)
    told = await runtime.create_run("w", 1)
    await clock.run_until(checking.wait())
    await told.signal("go", 3)
    assert await clock.run_until(checked.result()) == "checked"
    assert await clock.run_until(told.result()) == "go: 3"
    await clock.advance(10)
    assert (await told.state()).output == "go: 3"


ANSWERS = [
    ef.Completed(1),
    ef.Suspended(1),
    ef.Failed("no"),
    ef.Pending(),
    ef.Ready(1),
    ef.Reenter(),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda each: type(each).__name__)
async def test_an_answer_is_never_taken_for_an_output(
    open_runtime: Open, clock: ManualClock, answer: object
) -> None:
    """A stage whose output may be anything fails when it gives what means something else."""

    @ef.stage(output=Any)
    async def confused(ctx: ef.StageContext[int]) -> Any:  # noqa: ANN401 - whatever it is
        checks_only = isinstance(answer, ef.Pending | ef.Ready | ef.Reenter)
        return answer if checks_only and ctx.input else ef.Completed(answer)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(confused).build())
    await runtime.start()
    for given in (0, 1):
        run = await runtime.create_run("w", given)
        with pytest.raises(ef.RunFailed, match=f"gave {type(answer).__name__} as its output"):
            await clock.run_until(run.result())
        assert "stage.attempt_failed" not in await types(run)
