"""Execution: whatever user code does, its attempt ends in exactly one result."""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

import eventflow as ef
from eventflow.core.stage import StageState
from eventflow.runtime.execution import LONGEST_TRACEBACK, error_info
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open

ONCE = ef.Retry(max_attempts=1)


async def kinds(run: ef.Run) -> list[str]:
    """The types of the events of a run."""
    return [envelope.type for envelope in await run.history()]


async def failure(run: ef.Run) -> Any:  # noqa: ANN401 - an event
    """The last failed attempt of a run."""
    failed = {"stage.failed", "stage.attempt_failed"}
    return [envelope.event for envelope in await run.history() if envelope.type in failed][-1]


async def only_stage(run: ef.Run) -> StageState:
    """The one stage of a run."""
    (stage,) = (await run.state()).stages.values()
    return stage


async def test_a_plain_value_is_the_output(execute: Open) -> None:
    """What a stage returns is stored as its output, without metrics or artifacts."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        return ctx.input + 1

    stage = await only_stage(await execute(work, 1))
    assert (stage.output, stage.metrics, stage.artifacts) == (2, {}, {})


async def test_completed_carries_metrics_and_artifacts(execute: Open) -> None:
    """They are stored beside the output and are no part of it."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        return ef.Completed(3, metrics={"tokens": 12}, artifacts={"report": {"pages": 2}})

    stage = await only_stage(await execute(work))
    assert (stage.output, stage.metrics, stage.artifacts) == (
        3,
        {"tokens": 12},
        {"report": {"pages": 2}},
    )


async def test_a_metric_that_is_not_json_fails_the_stage_at_once(execute: Open) -> None:
    """It is a schema error like any other: the message names it, and nothing is retried."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        return ef.Completed(3, metrics={"ratio": float("nan")})

    run = await execute(work)
    assert "stage.attempt_failed" not in await kinds(run)
    assert 'metric "ratio" cannot be stored' in (await failure(run)).error.message


async def test_failed_ends_the_stage_without_an_exception(execute: Open) -> None:
    """The message is the error's; there is no traceback, and no further attempt."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int | ef.Failed:
        return ef.Failed("no such document")

    run = await execute(work)
    error = (await failure(run)).error
    assert (error.type, error.message) == ("eventflow.Failed", "no such document")
    assert error.traceback is None
    assert (await kinds(run)).count("job.claimed") == 1


async def test_suspending_without_anything_that_wakes_is_an_error(execute: Open) -> None:
    """A stage that would wait for ever fails instead, and is told what it lacks."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> Any:  # noqa: ANN401 - says nothing of suspending
        return ef.Suspended(1)

    run = await execute(work)
    assert "nothing would ever wake it" in (await failure(run)).error.message


async def test_a_check_may_only_give_an_answer(execute: Open) -> None:
    """Anything else is a schema error, which names the four answers."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(1, check_after=5)

    @work.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Ready[int]:
        return 7  # type: ignore[return-value]

    run = await execute(work)
    assert "returned int; it returns Pending, Ready, Reenter or Failed" in (
        (await failure(run)).error.message
    )


async def test_a_plain_check_works_in_a_thread(execute: Open) -> None:
    """A `def` check gets the state, and its answer counts like that of a coroutine."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(20, check_after=5)

    @work.check
    def ready(state: int, ctx: ef.StageContext[int]) -> ef.Ready[int]:
        return ef.Ready(state + 1, metrics={"thread": threading.current_thread().name})

    stage = await only_stage(await execute(work))
    assert stage.output == 21
    assert str(stage.metrics["thread"]).startswith("eventflow")


async def test_context_variables_reach_the_thread(open_runtime: Open, clock: ManualClock) -> None:
    """A plain function sees the context in which the worker was started."""
    tenant = contextvars.ContextVar("tenant", default="nobody")

    @ef.stage
    def work(ctx: ef.StageContext[int]) -> str:
        return tenant.get()

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    tenant.set("acme")
    await runtime.start()
    run = await runtime.create_run("w", 0)
    assert await clock.run_until(run.result()) == "acme"


async def test_a_plain_function_that_takes_too_long_is_not_waited_for(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Its thread cannot be stopped, but its attempt ends, and what it still says is dropped."""
    release = threading.Event()

    @ef.stage(timeout=5, retry=ONCE)
    def work(ctx: ef.StageContext[int]) -> int:
        release.wait(20)
        return 1

    clock._patience = 0.05
    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    with pytest.raises(ef.RunFailed, match="longer than 5 s"):
        await clock.run_until(run.result())
    release.set()
    assert (await run.state()).stages["work"].output is None


@pytest.mark.parametrize("ending", ["value", "error"])
async def test_a_stage_that_will_not_be_cancelled_is_too_late_whatever_it_says(
    execute: Open, clock: ManualClock, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    """An attempt that swallows its cancellation at the timeout has failed by the timeout."""

    @ef.stage(timeout=5, retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        try:
            await clock.sleep(60)
        except asyncio.CancelledError:
            if ending == "error":
                raise ValueError("while cleaning up") from None
        return 1

    run = await execute(work)
    error = (await failure(run)).error
    assert (error.type, error.message) == (
        "builtins.TimeoutError",
        "the attempt took longer than 5 s",
    )
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("ended_by", ["timeout", "cancel"])
async def test_code_that_never_ends_is_left_to_itself(
    open_runtime: Open, clock: ManualClock, ended_by: str
) -> None:
    """It has a moment to clean up; then its attempt is over, and its place is free for others."""
    released = asyncio.Event()

    @ef.stage(timeout=5 if ended_by == "timeout" else None, retry=ONCE)
    async def stubborn(ctx: ef.StageContext[int]) -> int:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()
        return 1

    @ef.stage
    async def next_one(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    workflows = (ef.define_workflow(s.id, input=int).pipe(s).build() for s in (stubborn, next_one))
    runtime = await open_runtime(*workflows, concurrency=1)
    await runtime.start()
    run, behind = [await runtime.create_run(each, 7) for each in ("stubborn", "next-one")]
    await clock.advance(1)
    if ended_by == "cancel":
        await run.cancel()
    assert await clock.run_until(behind.result(timeout=60)) == 7
    with pytest.raises((ef.RunFailed, ef.RunCancelled), match=r"longer than 5 s|cancelled"):
        await run.result()
    released.set()


async def test_a_result_in_time_is_not_late(execute: Open, clock: ManualClock) -> None:
    """The timeout bounds an attempt and does not touch one that ends before."""

    @ef.stage(timeout=5)
    async def work(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(4)
        return 1

    assert (await only_stage(await execute(work))).output == 1


async def test_a_cancellation_that_user_code_raises_is_a_failed_attempt(execute: Open) -> None:
    """Nobody cancelled the stage: its error is recorded, and it is tried again."""
    attempts = []

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            raise asyncio.CancelledError("of its own")
        return 1

    run = await execute(work)
    assert attempts == [1, 2]
    assert (await failure(run)).error.type.endswith("CancelledError")


async def test_cleaning_up_is_waited_for_before_a_job_is_given_back(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Nobody else may begin while the stage of a stopping worker still cleans up."""
    order: list[str] = []

    @ef.stage(timeout=1_000)
    async def work(ctx: ef.StageContext[int]) -> int:
        order.append(f"begin {len(order)}")
        if len(order) == 1:
            try:
                await clock.sleep(500)
            finally:
                await clock.sleep(3)
                order.append("cleaned up")
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(work).build()
    first, second = await open_runtime(workflow), await open_runtime(workflow)
    await first.start()
    run = await first.create_run("w", 0)
    await clock.advance(1)
    await second.start()
    await clock.run_until(first.stop(grace=1))
    assert await clock.run_until(run.result()) == 1
    assert order == ["begin 0", "cleaned up", "begin 2"]


async def raises_stop_iteration(ctx: ef.StageContext[int]) -> int:
    """End an iterator that is none."""
    return next(iter(()))


def raises_stop_iteration_in_a_thread(ctx: ef.StageContext[int]) -> int:
    """End an iterator that is none."""
    return next(iter(()))


@pytest.mark.parametrize(
    "function", [raises_stop_iteration, raises_stop_iteration_in_a_thread], ids=["async", "plain"]
)
async def test_a_stop_iteration_is_a_failed_attempt(
    execute: Open, function: Callable[..., Any]
) -> None:
    """No future can carry it, so it arrives as a RuntimeError, and no run hangs."""
    run = await execute(ef.stage(id="work", retry=ONCE)(function))
    error = (await failure(run)).error
    assert error.type == "builtins.RuntimeError"
    assert "StopIteration" in error.message


class Mute(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("name\udcff.txt"), "name\\udcff.txt"),
        (Mute(), "<exception str() failed>"),
        (ValueError(), ""),
    ],
    ids=["half a surrogate pair", "broken str", "empty"],
)
async def test_an_error_that_cannot_be_stored_as_it_is_is_stored_anyway(
    execute: Open, error: Exception, message: str
) -> None:
    """Every error ends its attempt; what is not Unicode in its message is spelled out."""

    @ef.stage(retry=ONCE)
    async def work(ctx: ef.StageContext[int]) -> int:
        raise error

    run = await execute(work)
    assert (await failure(run)).error.message == message
    assert "lease.expired" not in await kinds(run)


async def test_what_a_stage_came_to_and_no_event_can_hold_fails_it(execute: Open) -> None:
    """The run ends with the reason, instead of waiting for a lease to expire again and again."""

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> ef.Completed[int]:
        return ef.Completed(1, metrics={"\ud800": 1})

    run = await execute(work)
    failed = await failure(run)
    assert failed.error.message.startswith("A stage.completed event cannot be written as JSON")
    assert "lease.expired" not in await kinds(run)


async def test_a_message_that_brings_a_document_along_is_shortened(execute: Open) -> None:
    """The log keeps every error for ever, and no page that some server answered with."""
    page = "x" * 1_000_000

    @ef.stage(retry=ef.Retry(max_attempts=2, initial=0.0))
    async def work(ctx: ef.StageContext[int]) -> int | ef.Failed:
        if ctx.attempt == 2:
            return ef.Failed(page)
        raise ValueError(page)

    run = await execute(work)
    failed = [each for each in await run.history() if "failed" in each.type]
    assert [each.type for each in failed] == ["stage.attempt_failed", "stage.failed", "run.failed"]
    for each in failed:
        assert b"xxx ... (1,000,000 characters)" in each.data
        assert len(each.data) < 40_000


def test_the_end_of_a_long_traceback_is_kept() -> None:
    """The last frames tell where it happened; the beginning of a deep recursion is cut."""

    def dig(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * LONGEST_TRACEBACK)
        dig(depth - 1)

    try:
        dig(100)
    except ValueError as error:
        info = error_info(error)
    traceback = info.traceback or ""
    assert len(traceback) == LONGEST_TRACEBACK
    assert traceback.endswith("xxx\n")
    assert info.type == "builtins.ValueError"


def test_the_cause_of_an_error_is_in_its_traceback() -> None:
    """What an error was raised from is recorded with it."""
    effect = ValueError("the effect")
    effect.__cause__ = KeyError("the cause")
    info = error_info(effect)
    assert "the cause" in (info.traceback or "")
    assert info.message == "the effect"


async def test_attempts_do_not_see_what_earlier_ones_did_to_their_data(execute: Open) -> None:
    """Input and metadata are the attempt's own: changing them changes nothing but the attempt's."""
    seen: list[tuple[object, object]] = []

    @ef.stage
    async def work(ctx: ef.StageContext[dict[str, list[int]]]) -> int:
        tags: Any = ctx.metadata["tags"]
        seen.append((list(ctx.input["numbers"]), list(tags)))
        ctx.input["numbers"].append(ctx.attempt)
        tags.append("mine")
        if ctx.attempt < 3:
            raise OSError("again")
        return 1

    run = await execute(work, {"numbers": [0]}, input_type=dict, metadata={"tags": ["t"]})
    assert seen == [([0], ["t"])] * 3
    assert (await run.state()).metadata == {"tags": ["t"]}


async def test_a_time_of_real_work_does_not_count_in_virtual_time(
    execute: Open, clock: ManualClock, store: ObservedStore
) -> None:
    """A plain function that works for a moment has completed before the time moves on."""
    began = clock.now()

    @ef.stage(timeout=5)
    def work(ctx: ef.StageContext[int]) -> int:
        time.sleep(0.02)
        return 1

    await execute(work)
    events = await store.read_all(0, 100)
    assert all(event.recorded_at - began < timedelta(seconds=1) for event in events)


async def test_a_stage_whose_check_is_gone_fails_at_its_deadline(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A release without the check does not ask, and does not let the run wait for ever."""

    async def suspend(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(1, check_after=10, max_wait=100)

    asked = ef.stage(id="work")(suspend)
    told = ef.stage(id="work", signal="go")(suspend)

    @asked.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending:
        return ef.Pending()

    old = await open_runtime(ef.define_workflow("w", input=int).pipe(asked).build())
    await old.start()
    run = await old.create_run("w", 0)
    await clock.advance(5)
    await old.stop()
    began = clock.now()
    new = await open_runtime(ef.define_workflow("w", input=int).pipe(told).build())
    await new.start()
    with pytest.raises(ef.RunFailed):
        await clock.run_until(run.result())
    assert clock.now() - began >= timedelta(seconds=95)


async def test_a_check_is_put_off_also_while_the_store_is_away(
    open_runtime: Open, clock: ManualClock, store: ObservedStore
) -> None:
    """The next time reaches the store when it is back, and no lease has to expire."""
    answers: list[ef.Pending | ef.Ready[int]] = [ef.Pending(), ef.Ready(7)]

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(1, check_after=10)

    @work.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending | ef.Ready[int]:
        if len(answers) == 2:
            store.failure = ef.StoreUnavailable("away")
        return answers.pop(0)

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(20)
    assert len(answers) == 1
    store.failure = None
    assert await clock.run_until(run.result()) == 7
    assert "lease.expired" not in await kinds(run)
