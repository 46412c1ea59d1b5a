"""Following a run while it happens, and notes that never conflict."""

import asyncio

import eventflow as ef
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types


async def test_a_follower_sees_every_event_once_and_in_order(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Also from another process; it ends with the run."""
    runtime = await open_runtime(ARITHMETIC)
    other = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)

    async def follow(handle: ef.Run) -> list[int]:
        return [envelope.version async for envelope in handle.events()]

    near, far = (asyncio.create_task(follow(r.run(run.id))) for r in (runtime, other))
    await clock.settle()
    await runtime.start()
    await clock.run_until(run.result())
    versions = list(range(1, len(await run.history()) + 1))
    assert await clock.run_until(near) == versions
    assert await clock.run_until(far) == versions
    assert [e.version async for e in run.events(follow=False, after=3)] == versions[3:]


async def test_notes_never_conflict(open_runtime: Open, clock: ManualClock) -> None:
    """Many notes of many writers are all recorded, with who wrote them, and change no state."""
    first, second = await open_runtime(ARITHMETIC), await open_runtime(ARITHMETIC)
    run = await first.create_run("arithmetic", 5)
    before = await run.state()
    handles = [runtime.run(run.id) for runtime in (first, second)]
    await asyncio.gather(
        *(
            handle.annotate(f"key-{n}", {"n": n}, actor=f"actor-{which}")
            for n in range(20)
            for which, handle in enumerate(handles)
        )
    )
    notes = [e for e in await run.history() if e.type == "run.annotated"]
    assert sorted((e.event.key, e.actor) for e in notes) == sorted(
        (f"key-{n}", f"actor-{which}") for n in range(20) for which in range(2)
    )
    after = await run.state()
    assert after.stages == before.stages
    await run.verify()
    await run.cancel()
    await run.annotate("after", "the end")
    assert (await types(run))[-1] == "run.annotated"


async def test_stages_write_into_the_history(open_runtime: Open, clock: ManualClock) -> None:
    """Logs, progress and annotations of a stage carry its attempt."""

    @ef.stage
    async def talks(ctx: ef.StageContext[int]) -> int:
        await ctx.log("hello", level="warning", n=1)
        await ctx.progress(0.5, "half", done=1)
        await ctx.annotate("quality", 0.9, unit="f1")
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(talks).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.run_until(run.result())
    events = {e.type: e.event for e in await run.history()}
    logged, progressed = events["stage.logged"], events["stage.progressed"]
    annotated = events["run.annotated"]
    assert (logged.message, logged.level, logged.fields, logged.attempt) == (
        "hello",
        "warning",
        {"n": 1},
        1,
    )
    assert (progressed.fraction, progressed.message, progressed.details) == (
        0.5,
        "half",
        {"done": 1},
    )
    assert (annotated.key, annotated.value, annotated.stage) == ("quality", 0.9, "talks")
