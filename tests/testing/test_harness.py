"""The runtime for tests: virtual time, a store of its own, and an end that nothing holds up."""

import asyncio
import time
from pathlib import Path

import pytest

import eventflow as ef
from eventflow.store.memory import MemoryStore
from eventflow.testing import History, ManualClock, NothingLeft, runtime
from tests.testing.workflows import stumbling, waiting


async def test_a_run_is_played_to_its_end_in_virtual_time() -> None:
    """Ten minutes until the second attempt take no time at all."""
    async with runtime(stumbling) as started:
        history = await started.play(stumbling, 5)
        assert history.state().output == {"text": "20 from 10"}
        assert (started.clock.now() - history[0].recorded_at).total_seconds() == 600


async def test_a_run_that_fails_has_a_history_too() -> None:
    """Playing a run gives its history, however it ended; finishing it raises."""

    @ef.stage
    async def refuse(ctx: ef.StageContext[int]) -> int | ef.Failed:
        return ef.Failed("no")

    workflow = ef.define_workflow("refusing", input=int).pipe(refuse).build()
    async with runtime(workflow) as started:
        history = await started.play("refusing", 1, priority=7)
        assert history.state().status is ef.Status.FAILED
        assert history.state().priority == 7
        with pytest.raises(ef.RunFailed):
            await started.finish(started.run(history.run_id))


async def test_a_run_that_waits_for_nobody_is_said_to_be_stuck() -> None:
    """A test that waits for what cannot happen ends at once, with the reason."""
    async with runtime(waiting) as started:
        told = 'is suspended: stage "ask" waits for the signal "answer" until 2026-01-02'
        with pytest.raises(NothingLeft, match=f"within 60 virtual seconds.*; run .* {told}"):
            await started.play(waiting, "Why?", limit=60)


@pytest.mark.parametrize(
    ("act", "start", "told"),
    [
        ("works", True, 'is running: stage "play" is under way at ada, attempt 1'),
        ("raises", True, 'is running: stage "play" may be claimed from .*, attempt 2'),
        ("works", False, 'is pending: stage "play" may be claimed from .*, attempt 1'),
        ("waits", True, "waits until 2026-01-02 .* and is checked on the way"),
    ],
)
async def test_what_holds_a_run_up_is_said(act: str, start: bool, told: str) -> None:  # noqa: FBT001 - a parameter
    """Each stage that is alive says what it waits for."""
    clock = ManualClock()

    @ef.stage(retry=ef.Retry(initial=3_600.0))
    async def play(ctx: ef.StageContext[str]) -> str | ef.Suspended[str]:
        if ctx.input == "works":
            await clock.sleep(3_600)
        if ctx.input == "raises":
            raise ConnectionError
        return ef.Suspended(ctx.input)

    @play.check
    async def never(state: str, ctx: ef.StageContext[str]) -> ef.Pending:
        return ef.Pending()

    workflow = ef.define_workflow("acting", input=str).pipe(play).build()
    async with runtime(workflow, clock=clock, start=start, worker_id="ada") as started:
        with pytest.raises(NothingLeft, match=told):
            await started.play(workflow, act, limit=60)


@ef.stage
async def approve(ctx: ef.StageContext[float]) -> str | ef.Suspended[None]:
    """Wait for a person, as long as the input says."""
    if ctx.signal_name is None:
        return ef.Suspended.for_signal("approval", max_wait=ctx.input)
    return f"approved by {ctx.signal}"


approving = ef.define_workflow("approving", input=float).pipe(approve).build()
YEAR = 365 * 86_400.0


async def test_what_only_a_signal_can_move_is_said_at_once() -> None:
    """With the stage, the signal and the deadline, and the time has not moved."""
    async with runtime(approving) as started:
        run = await started.create_run("approving", YEAR)
        begun, now = time.monotonic(), started.clock.now()
        with pytest.raises(NothingLeft) as raised:
            await started.finish(run)
        assert time.monotonic() - begun < 5
        told = 'stage "approve" waits for the signal "approval" until 2027-01-01'
        assert told in str(raised.value)
        assert started.clock.now() == now
        await run.signal("approval", "ada")
        assert await started.finish(run) == "approved by ada"


async def test_a_deadline_within_the_limit_is_reached_at_once() -> None:
    """A day in which nothing is due takes as long as a second."""
    async with runtime(approving) as started:
        begun, now = time.monotonic(), started.clock.now()
        history = await started.play(approving, 86_400.0)
        assert time.monotonic() - begun < 5
        assert history.state().status is ef.Status.FAILED
        assert (started.clock.now() - now).total_seconds() == 86_400.0


async def test_a_signal_that_somebody_is_about_to_send_is_waited_for() -> None:
    """By a task of the test, by another run, or by the handler of a subscription."""

    @ef.stage(retry=ef.Retry(max_attempts=2, initial=3_600.0))
    async def call(ctx: ef.StageContext[str]) -> None:
        if ctx.attempt == 1:
            raise ConnectionError("not yet")
        await started.run(ctx.input).signal("approval", "a run")

    calling = ef.define_workflow("calling", input=str).pipe(call).build()

    async def send(run: ef.Run) -> None:
        await started.clock.sleep(3_600)
        await run.signal("approval", "a task")

    async with runtime([approving, calling]) as started:
        run = await started.create_run("approving", YEAR)
        task = asyncio.create_task(send(run))
        assert await started.finish(run) == "approved by a task"
        await task
        run = await started.create_run("approving", YEAR)
        await started.create_run("calling", run.id)
        assert await started.finish(run) == "approved by a run"


@pytest.mark.parametrize("feed", ["sleep", "socket"])
async def test_a_timeout_does_not_pass_what_really_waits(feed: str) -> None:
    """A stage that waits in real time, for a time or a socket, has the patience of the clock."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        writer.write(b"there\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]

    @ef.stage(timeout=10)
    async def fetch(ctx: ef.StageContext[str]) -> str:
        if ctx.input == "sleep":
            await asyncio.sleep(0.1)
            return "there"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        line = await reader.readline()
        writer.close()
        return line.decode().strip()

    fetching = ef.define_workflow("fetching", input=str).pipe(fetch).build()
    async with server, runtime(fetching) as started:
        history = await started.play(fetching, feed)
    assert history.state().output == "there"
    assert len(history.stage("fetch").attempts) == 1
    assert (history[-1].recorded_at - history[0].recorded_at).total_seconds() <= 10


async def test_what_never_comes_is_timed_out() -> None:
    """Behind the patience of the clock if it really waits, and at once if it does not."""
    clock = ManualClock(patience=0.2)
    patient = ManualClock(patience=100.0)

    @ef.stage(timeout=10, retry=ef.Retry(max_attempts=1))
    async def hang(ctx: ef.StageContext[str]) -> None:
        match ctx.input:
            case "really":
                await asyncio.sleep(3_600)
            case "virtually":
                await patient.sleep(3_600)
            case _:
                await asyncio.Event().wait()

    hanging = ef.define_workflow("hanging", input=str).pipe(hang).build()
    for how, time_of_it in (("really", clock), ("virtually", patient), ("for ever", patient)):
        begun = time.monotonic()
        async with runtime(hanging, clock=time_of_it) as started:
            history = await started.play(hanging, how)
        took = time.monotonic() - begun
        assert took < 50
        assert took >= 0.2 or how != "really"
        assert history.state().status is ef.Status.FAILED
        assert "longer than 10 s" in str(history.stage("hang").error)
        assert (history[-1].recorded_at - history[0].recorded_at).total_seconds() == 10


async def test_the_clock_may_be_the_one_that_stages_wait_with() -> None:
    """A stage that waits on the given clock waits in virtual time; the end waits for nobody."""
    clock = ManualClock()

    @ef.stage
    async def rest(ctx: ef.StageContext[float]) -> float:
        await clock.sleep(ctx.input)
        return ctx.input

    workflow = ef.define_workflow("resting", input=float).pipe(rest).build()
    async with runtime(workflow, clock=clock) as started:
        assert (await started.play(workflow, 3600.0)).state().output == 3600.0
        run = await started.create_run("resting", 3600.0)
        await clock.advance(10)
        assert (await run.state()).status is ef.Status.RUNNING


async def test_any_store_may_be_used(tmp_path: Path) -> None:
    """A URL is opened and closed; a store that was opened elsewhere stays open."""
    url = f"sqlite:///{tmp_path}/log.db"
    async with runtime(stumbling, store=url) as started:
        run_id = (await started.play(stumbling, 5)).run_id
    async with runtime(store=url, start=False) as looking:
        assert (await looking.run(run_id).state()).status is ef.Status.COMPLETED
    store = MemoryStore()
    async with runtime(stumbling, store=store) as started:
        run_id = (await started.play(stumbling, 5)).run_id
    assert History.of(await store.read([run_id])).run_id == run_id


async def test_without_a_start_nothing_is_executed() -> None:
    """An application's API server, which is no worker, can be tested too."""
    async with runtime(stumbling, start=False) as looking:
        run = await looking.create_run("stumbling", 5)
        await looking.clock.advance(60)
        assert (await run.state()).status is ef.Status.PENDING


async def test_several_runtimes_share_a_store_and_its_time() -> None:
    """The store of one runtime may be given to another, as if they were two processes."""
    async with runtime(stumbling, start=False) as first:
        run = await first.create_run("stumbling", 5)
        async with runtime(stumbling, store=first.store, clock=first.clock) as second:
            assert second.store is first.store
            assert await second.finish(second.run(run.id)) == {"text": "20 from 10"}
        assert (await run.state()).status is ef.Status.COMPLETED
