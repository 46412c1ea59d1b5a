"""The run handle: results, following, and looking back."""

import asyncio
from datetime import timedelta

import pytest

import eventflow as ef
from eventflow.core.state import replay
from eventflow.errors import RunEnded
from eventflow.testing.clock import ManualClock
from tests.runtime.conftest import Open


@ef.stage
async def first(ctx: ef.StageContext[int]) -> list[int]:
    """Begin a list."""
    return [ctx.input]


@ef.stage
async def second(ctx: ef.StageContext[list[int]]) -> list[int]:
    """Go on with it."""
    return [*ctx.input, 2]


@ef.stage
async def other(ctx: ef.StageContext[list[int]]) -> list[int]:
    """Go on with it as well."""
    return [*ctx.input, 3]


WORKFLOW = ef.define_workflow("w", input=int).pipe(first).pipe(second).build()


@pytest.fixture
async def runtime(open_runtime: Open) -> ef.Runtime:
    """A runtime that knows the workflow and executes nothing yet."""
    opened: ef.Runtime = await open_runtime(WORKFLOW)
    return opened


async def test_a_result_is_waited_for_as_long_as_was_said(
    runtime: ef.Runtime, clock: ManualClock
) -> None:
    """`ResultTimeout` comes when the time is up, and leaves the run as it is."""
    run = await runtime.create_run("w", 1)
    began = clock.now()
    with pytest.raises(ef.ResultTimeout, match=r"30 s; it goes on.*start a worker"):
        await clock.run_until(run.result(timeout=30))
    assert clock.now() - began == timedelta(seconds=30)
    await runtime.start()
    assert await clock.run_until(run.result(timeout=30)) == [1, 2]


async def test_a_result_that_is_there_needs_no_time(
    runtime: ef.Runtime, clock: ManualClock
) -> None:
    """Asking an ended run answers at once, as often as it is asked."""
    await runtime.start()
    run = await runtime.create_run("w", 1)
    await clock.run_until(run.result())
    before = clock.now()
    assert await run.result(timeout=0.001) == await run.result()
    assert clock.now() == before


async def test_many_may_wait_for_one_result(runtime: ef.Runtime, clock: ManualClock) -> None:
    """One waiter that gives up takes nothing from the others."""
    run = await runtime.create_run("w", 1)
    goes, *stay = (asyncio.create_task(run.result()) for _ in range(3))
    await clock.settle()
    goes.cancel()
    await runtime.start()
    assert await clock.run_until(asyncio.gather(*stay)) == [[1, 2], [1, 2]]


async def test_what_a_caller_does_to_a_result_stays_with_the_caller(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A rerun gets the stored outputs, whatever became of the result that was handed out."""
    sides = ef.define_workflow("sides", input=int).pipe(first).parallel(second, other).build()
    runtime = await open_runtime(sides)
    await runtime.start()
    run = await runtime.create_run("sides", 1)
    result = await clock.run_until(run.result())
    assert result == {"second": [1, 2], "other": [1, 3]}
    result["second"].clear()
    assert await run.result() == {"second": [1, 2], "other": [1, 3]}


async def test_a_result_without_its_workflow_is_plain_data(
    open_runtime: Open, runtime: ef.Runtime, clock: ManualClock
) -> None:
    """A process that does not know the workflow still gets the output."""
    await runtime.start()
    run = await runtime.create_run("w", 1)
    await clock.run_until(run.result())
    stranger = await open_runtime()
    assert await stranger.run(run.id).result() == [1, 2]


async def test_following_goes_on_over_a_rewind(runtime: ef.Runtime, clock: ManualClock) -> None:
    """A follower that sees the run end and rewound sees the new generation end as well."""
    await runtime.start()
    run = await runtime.create_run("w", 1)
    seen: list[str] = []
    async for envelope in run.events():
        seen.append(envelope.type)
        if seen.count("run.completed") == 1 and envelope.type == "run.completed":
            await run.rerun_from("second")
        await clock.advance(1)
    assert seen == [envelope.type for envelope in await run.history()]
    assert seen.count("run.completed") == 2
    assert seen[-1] == "run.completed"


async def test_following_begins_behind_a_version(runtime: ef.Runtime, clock: ManualClock) -> None:
    """Whoever knows a part of the history gets the rest, without a gap, and then what is new."""
    run = await runtime.create_run("w", 1)

    async def follow() -> list[int]:
        return [envelope.version async for envelope in run.events(after=1)]

    following = asyncio.create_task(follow())
    await clock.settle()
    await runtime.start()
    versions = await clock.run_until(following)
    assert versions == list(range(2, len(await run.history()) + 1))


async def test_following_behind_the_end_waits_for_nothing(
    runtime: ef.Runtime, clock: ManualClock
) -> None:
    """An ended run has no further events, also beyond versions that it does not have."""
    run = await runtime.create_run("w", 1)
    await run.cancel()
    for after in (3, 1_000):
        assert [envelope async for envelope in run.events(after=after)] == []


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("after", [0, 5])
async def test_an_unknown_run_cannot_be_followed(
    runtime: ef.Runtime, *, follow: bool, after: int
) -> None:
    """It is an error at once, and not a wait for a run that may never come."""
    with pytest.raises(ef.RunNotFound):
        await anext(runtime.run("ghost").events(follow=follow, after=after))


async def test_a_follower_that_stops_leaves_nothing_behind(
    runtime: ef.Runtime, clock: ManualClock
) -> None:
    """Breaking off a follower ends its interest in the store."""
    run = await runtime.create_run("w", 1)
    events = run.events()
    assert (await anext(events)).type == "run.created"
    await events.aclose()  # type: ignore[attr-defined]
    waker = run._shared.waker
    assert (waker._interested, dict(waker._followers), waker._watch) == ({}, {}, None)


async def test_the_state_at_a_version_is_the_fold_up_to_it(
    runtime: ef.Runtime, clock: ManualClock
) -> None:
    """Also before a rewind that has cut it since."""
    await runtime.start()
    run = await runtime.create_run("w", 1)
    await clock.run_until(run.result())
    await run.rerun_from("second")
    await clock.run_until(run.result())
    history = await run.history()
    for version in range(1, len(history) + 1):
        assert await run.state(at=version) == replay(history[:version])
    assert {(await run.state(at=v.version)).generation for v in history} == {0, 1}


@pytest.mark.parametrize("version", [0, -1, 3])
async def test_a_version_that_does_not_exist_is_refused(runtime: ef.Runtime, version: int) -> None:
    """The error tells which versions there are."""
    run = await runtime.create_run("w", 1)
    with pytest.raises(ValueError, match="the versions 1 to 2"):
        await run.state(at=version)


async def test_an_ended_run_takes_no_signal(runtime: ef.Runtime) -> None:
    """The error tells what the run is and what to do."""
    run = await runtime.create_run("w", 1)
    await run.cancel(reason="no more")
    with pytest.raises(RunEnded, match=r"cancelled.*rerun"):
        await run.signal("go")
    assert len(await run.history()) == 3


async def test_a_cancelled_run_says_why(runtime: ef.Runtime) -> None:
    """With the reason if there is one, and without if there is none."""
    reasoned, plain = [await runtime.create_run("w", 1) for _ in range(2)]
    await reasoned.cancel(reason="too dear")
    await plain.cancel()
    with pytest.raises(ef.RunCancelled, match="was cancelled: too dear"):
        await reasoned.result()
    with pytest.raises(ef.RunCancelled, match=r"was cancelled$"):
        await plain.result()


async def test_a_handle_shows_its_run_and_nothing_else(runtime: ef.Runtime) -> None:
    """Handles to one run are equal, and their text is short."""
    run = await runtime.create_run("w", 1)
    assert runtime.run(run.id) == run
    assert repr(run) == f"Run(id='{run.id}')"


async def test_a_state_is_its_callers_own(runtime: ef.Runtime, clock: ManualClock) -> None:
    """What is done to it neither changes what others are given nor what the next stage gets."""
    run = await runtime.create_run("w", 1)
    state = await runtime.transition_run(run.id)
    for given in (state, await run.state()):
        given.stages["first"].output.append("spoiled")  # type: ignore[attr-defined]
        assert (await run.state()).stages["first"].output == [1]
    await run.rerun_from("second")
    (await run.state()).stages["first"].output.append("spoiled")  # type: ignore[attr-defined]
    await runtime.start()
    assert await clock.run_until(run.result()) == [1, 2]
