"""Workers: they stop gracefully, wait for a store that is away, and survive broken runs."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

import eventflow as ef
from eventflow.store.contract import Operation, Store, Verdict
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, double, types


async def test_stopping_lets_the_current_jobs_end(open_runtime: Open, clock: ManualClock) -> None:
    """Nothing new is claimed, and what is under way completes."""

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(10)
        return 1

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(slow).pipe(double).build())
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(1)
    await clock.run_until(runtime.stop())
    assert (await types(run))[-2:] == ["stage.completed", "stage.scheduled"]
    await runtime.start()
    assert await clock.run_until(run.result()) == 2


async def test_what_cannot_end_in_time_is_given_back(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A graceful give-back uses up no attempt, and another worker takes over at once."""
    attempts = []

    @ef.stage
    async def endless(ctx: ef.StageContext[int]) -> int:
        attempts.append(ctx.attempt)
        if len(attempts) == 1:
            await clock.sleep(10_000)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(endless).build()
    first, second = await open_runtime(workflow), await open_runtime(workflow)
    await first.start()
    run = await first.create_run("w", 0)
    await clock.advance(1)
    await clock.run_until(first.stop(grace=5))
    released = next(e.event for e in await run.history() if e.type == "lease.expired")
    assert released.reason == "released"
    await second.start()
    assert await clock.run_until(run.result()) == 1
    assert attempts == [1, 1]


async def test_starting_twice_is_one_start(open_runtime: Open, clock: ManualClock) -> None:
    """The second `start` changes nothing."""
    runtime = await open_runtime(ARITHMETIC, worker_id="only")
    await runtime.start()
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5)
    await clock.run_until(run.result())
    assert (await types(run)).count("job.claimed") == 4
    await runtime.stop()
    await runtime.stop()


async def test_a_runtime_that_is_not_open_says_so() -> None:
    """The error tells how to open it."""
    runtime = ef.Runtime("memory://", [ARITHMETIC])
    with pytest.raises(ef.EventflowError, match="async with"):
        await runtime.create_run("arithmetic", 1)


class Flaky:
    """A store that is away, or loses its answers, when it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.renewals_away = False
        self.lose_answers = 0
        self.leave_after_next = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of the store
        method = getattr(self._store, name)
        if not (self.away or (self.renewals_away and name == "renew")):
            return method

        async def fail(*_: object, **__: object) -> None:
            raise ef.StoreUnavailable("the store is away")

        return fail

    async def append(self, operations: Sequence[Operation]) -> list[Verdict]:
        """Append, and perhaps lose the answer."""
        if self.away:
            raise ef.StoreUnavailable("the store is away")
        verdicts = await self._store.append(operations)
        if self.leave_after_next:
            self.leave_after_next, self.away = False, True
            raise ef.StoreUnavailable("the answer was lost")
        if self.lose_answers:
            self.lose_answers -= 1
            raise ef.StoreUnavailable("the answer was lost")
        return verdicts


async def test_a_store_that_is_away_is_waited_for(store: Store, clock: ManualClock) -> None:
    """It is never mistaken for an empty queue, and work goes on when it is back."""
    flaky = Flaky(store)
    async with ef.Runtime(clock.watch(flaky), [ARITHMETIC], clock=clock) as runtime:
        await runtime.start()
        run = await runtime.create_run("arithmetic", 5)
        flaky.away = True
        await clock.advance(100)
        with pytest.raises(ef.StoreUnavailable):
            await runtime.create_run("arithmetic", 6)
        flaky.away = False
        assert await clock.run_until(run.result()) == "Final: 60"


@pytest.mark.parametrize("workers", [1, 2])
async def test_an_outage_takes_nobody_for_dead(
    store: Store, clock: ManualClock, workers: int
) -> None:
    """Nobody could renew meanwhile: also who looks for work before it has renewed waits."""

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(400)
        return ctx.attempt

    workflow = ef.define_workflow("w", input=int).pipe(slow).build()
    flaky = Flaky(store)
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            runtime = ef.Runtime(clock.watch(flaky), [workflow], clock=clock)
            await (await stack.enter_async_context(runtime)).start()
        runs = [await runtime.create_run("w", number) for number in range(10)]
        await clock.advance(10)
        flaky.away = flaky.renewals_away = True
        await clock.advance(200)
        flaky.away = False
        await clock.advance(10)
        flaky.renewals_away = False
        for run in runs:
            assert await clock.run_until(run.result()) == 1
            assert "lease.expired" not in await types(run)


async def test_a_worker_that_dies_in_an_outage_is_found_a_lease_later(
    store: Store, clock: ManualClock
) -> None:
    """Whoever is back renews, and who does not is taken for dead after all."""
    taken_over = []

    @ef.stage
    async def slow(ctx: ef.StageContext[str]) -> int:
        if ctx.attempt > 1:
            taken_over.append((ctx.input, clock.now()))
        await clock.sleep(400)
        return ctx.attempt

    workflow = ef.define_workflow("w", input=str).pipe(slow).build()
    dying, flaky = Flaky(store), Flaky(store)
    async with (
        ef.Runtime(clock.watch(dying), [workflow], clock=clock, concurrency=1) as first,
        ef.Runtime(clock.watch(flaky), [workflow], clock=clock) as second,
    ):
        await first.start()
        lost = await second.create_run("w", "of the first")
        await clock.advance(1)
        await second.start()
        kept = await second.create_run("w", "of the second")
        await clock.advance(1)
        dying.away = flaky.away = True
        await clock.advance(100)
        flaky.away = False
        back = clock.now()
        results = [await clock.run_until(run.result()) for run in (kept, lost)]
        dying.away = False
        await clock.run_until(first.stop())
    assert results == [1, 2]
    ((which, when),) = taken_over
    assert which == "of the first"
    assert timedelta(seconds=60) <= when - back < timedelta(seconds=75)


@pytest.mark.parametrize("lost", [1, 2, 5])
async def test_a_lost_answer_is_found_again(store: Store, clock: ManualClock, lost: int) -> None:
    """Scenario 16: after a crash between commit and answer, nothing is recorded twice."""
    flaky = Flaky(store)
    async with ef.Runtime(clock.watch(flaky), [ARITHMETIC], clock=clock) as runtime:
        run = await runtime.create_run("arithmetic", 5)
        flaky.lose_answers = lost
        await runtime.start()
        assert await clock.run_until(run.result()) == "Final: 60"
        kinds = await types(run)
        assert kinds.count("stage.completed") == 4
        assert "result.discarded" not in kinds
        await run.verify()
        await clock.run_until(runtime.stop())


@pytest.mark.parametrize("rewound", [False, True])
async def test_a_claim_that_is_found_too_late_is_not_executed(
    store: Store, clock: ManualClock, *, rewound: bool
) -> None:
    """Who learns of its own claim when another has the job leaves the job, and its token, alone."""
    executed = []

    @ef.stage
    async def slow(ctx: ef.StageContext[str]) -> int:
        executed.append(ctx.token)
        await clock.sleep(300)
        return ctx.token

    workflow = ef.define_workflow("w", input=str).pipe(slow).build()
    flaky = Flaky(store)
    async with (
        ef.Runtime(clock.watch(flaky), [workflow], clock=clock) as first,
        ef.Runtime(clock.watch(store), [workflow], clock=clock) as second,
    ):
        run = await second.create_run("w", "x")
        flaky.leave_after_next = True
        await first.start()
        await clock.advance(1)
        if rewound:
            await run.cancel()
            await run.rerun_from("slow")
        await second.start()
        await clock.advance(100)
        (token,) = executed
        flaky.away = False
        assert await clock.run_until(run.result()) == token
    assert executed == [token]
    assert "result.discarded" not in await _types_of(store, run.id)


async def _types_of(store: Store, run_id: str) -> list[str]:
    return [event.type for event in await store.read([run_id])]


async def test_a_broken_run_stops_nobody(open_runtime: Open, clock: ManualClock) -> None:
    """A run whose stored input no longer parses fails; the others go on."""
    old = ef.define_workflow("w", input=int).pipe(ef.stage(id="strict")(_as_text)).build()
    new = ef.define_workflow("w", input=str).pipe(ef.stage(id="strict")(_shout)).build()
    creator = await open_runtime(old)
    broken = await creator.create_run("w", 1)
    worker = await open_runtime(new, ARITHMETIC)
    await worker.start()
    sound = await worker.create_run("arithmetic", 5)
    assert await clock.run_until(sound.result()) == "Final: 60"
    with pytest.raises(ef.RunFailed, match="InvalidInput"):
        await clock.run_until(broken.result())


async def _as_text(ctx: ef.StageContext[int]) -> str:
    return str(ctx.input)


async def _shout(ctx: ef.StageContext[str]) -> str:
    return ctx.input.upper()


@pytest.mark.parametrize("cut_short", [False, True], ids=["under way", "cut short"])
async def test_a_start_behind_a_stop_is_a_start(
    open_runtime: Open, clock: ManualClock, *, cut_short: bool
) -> None:
    """A worker that is stopping ends first, also if its stop was cut short; then another works."""

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(20)
        return ctx.input

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(slow).build())
    await runtime.start()
    first = await runtime.create_run("w", 1)
    await clock.advance(1)
    stopping = asyncio.create_task(runtime.stop())
    await clock.advance(1)
    if cut_short:
        stopping.cancel()
    await clock.run_until(runtime.start())
    second = await runtime.create_run("w", 2)
    assert await clock.run_until(second.result()) == 2
    assert await clock.run_until(first.result()) == 1
    claims = [e.version for e in await first.history() if e.type == "job.claimed"]
    assert len(claims) == (2 if cut_short else 1)
