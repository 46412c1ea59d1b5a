"""A stage that forgets an `await` fails, instead of completing without what it did not do."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import eventflow as ef
from eventflow.core import events as e
from eventflow.definition.sync_context import SyncStageContext
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import types

Ask = Callable[[ef.StageContext[int]], object]

FORGOTTEN: dict[str, Ask] = {
    'step("pay", ...)': lambda ctx: ctx.step("pay", abs, -1),
    'map(...) of "abs"': lambda ctx: ctx.map([1], abs),
    "storage.save('a')": lambda ctx: ctx.storage.save("a", b""),
    "storage.delete('a')": lambda ctx: ctx.storage.delete("a"),
    "storage.exists('a')": lambda ctx: ctx.storage.exists("a"),
    "storage.load('a')": lambda ctx: ctx.storage.load("a"),
    "storage.list()": lambda ctx: ctx.storage.list(),
}


def of_one_stage(stage: Any) -> ef.Workflow[Any, Any]:  # noqa: ANN401 - any stage
    """A workflow of one stage."""
    return ef.define_workflow("w", input=Any).pipe(stage).build()


@pytest.mark.parametrize("call", FORGOTTEN)
async def test_what_is_not_awaited_fails_the_stage(open_runtime: Open, call: str) -> None:
    """The error names the call, and is final, since the next attempt would forget it as well."""

    @ef.stage
    async def forgets(ctx: ef.StageContext[int]) -> int:
        FORGOTTEN[call](ctx)
        return 1

    runtime = await open_runtime(of_one_stage(forgets))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    with pytest.raises(ef.RunFailed) as raised:
        await run.result()
    assert raised.value.error_type == "eventflow.errors.InvalidStep"
    assert raised.value.reason == (
        f'Stage "forgets" called ctx.{call} and did not await it, so it did nothing; '
        "write await before it"
    )
    assert "stage.attempt_failed" not in await types(run)


async def test_one_of_many_calls_is_found(open_runtime: Open) -> None:
    """However many calls were awaited, the one that was not is named."""

    @ef.stage
    async def forgets(ctx: ef.StageContext[int]) -> int:
        for number in range(100):
            work = ctx.storage.exists(str(number))
            if number != 50:
                await work
        return 1

    runtime = await open_runtime(of_one_stage(forgets))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    with pytest.raises(ef.RunFailed, match=r"ctx\.storage\.exists\('50'\)"):
        await run.result()


async def test_what_is_awaited_elsewhere_is_not_forgotten(open_runtime: Open) -> None:
    """Tasks may await what the stage was given, and what is closed on purpose is not missed."""

    @ef.stage
    async def hands_on(ctx: ef.StageContext[int]) -> int:
        first, second = await asyncio.gather(
            ctx.step("first", abs, -1), asyncio.create_task(ctx.step("second", abs, -2))
        )
        ctx.step("third", abs, -3).close()
        return first + second

    runtime = await open_runtime(of_one_stage(hands_on))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    assert await run.result() == 3


async def test_a_task_that_has_not_begun_is_given_a_turn(open_runtime: Open) -> None:
    """A task that holds a step and was not awaited begins before the stage is judged."""
    tasks: list[asyncio.Task[int]] = []

    @ef.stage
    async def leaves(ctx: ef.StageContext[int]) -> int:
        tasks.append(asyncio.create_task(ctx.step("late", abs, -1)))
        return 1

    runtime = await open_runtime(of_one_stage(leaves))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    assert await run.result() == 1
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_check_that_forgets_fails_the_stage(open_runtime: Open, clock: ManualClock) -> None:
    """A check is held to the same rule."""

    @ef.stage
    async def waits(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(ctx.input, check_after=1)

    @waits.check
    async def look(state: int, ctx: ef.StageContext[int]) -> ef.Ready[int]:
        ctx.storage.save("looked", state)  # type: ignore[unused-coroutine]
        return ef.Ready(state)

    runtime = await open_runtime(of_one_stage(waits))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    with pytest.raises(ef.RunFailed, match=r"ctx\.storage\.save\('looked'\) and did not await"):
        await clock.run_until(run.result())


async def test_a_plain_function_has_nothing_to_await(
    open_runtime: Open, clock: ManualClock
) -> None:
    """In a thread the calls give their answers, and are made when they return."""

    @ef.stage
    def in_a_thread(ctx: SyncStageContext[int]) -> int:
        total = ctx.step("one", abs, -1) + sum(ctx.map([-2, -3], abs))
        ctx.storage.save("total", total)
        ctx.log("counted")
        ctx.progress(1.0)
        ctx.annotate("total", total)
        assert ctx.storage.list() == ["total"]
        return ctx.storage.load("total", int) + ctx.input

    runtime = await open_runtime(of_one_stage(in_a_thread))
    await runtime.start()
    run = await runtime.create_run("w", input=10)
    assert await clock.run_until(run.result()) == 16


async def test_notes_need_no_await_to_be_kept(open_runtime: Open) -> None:
    """What a stage says is recorded before its result, whether it waited for that or not."""

    @ef.stage
    async def talks(ctx: ef.StageContext[int]) -> int:
        ctx.log("said")
        ctx.progress(0.5)
        ctx.annotate("fact", 1)
        return 1

    runtime = await open_runtime(of_one_stage(talks))
    await runtime.start()
    run = await runtime.create_run("w", input=1)
    await run.result()
    events = [envelope.event for envelope in await run.history()]
    done = next(i for i, event in enumerate(events) if isinstance(event, e.StageCompleted))
    assert {type(event) for event in events[:done]} >= {
        e.StageLogged,
        e.StageProgressed,
        e.RunAnnotated,
    }
