"""Room: a worker takes as many jobs as it has places for, and the right ones."""

import asyncio
import threading
from typing import Any

import pytest

import eventflow as ef
from eventflow.core.events import UnknownEvent
from eventflow.core.projection import changes
from eventflow.runtime.room import Room
from eventflow.store.chain import seal
from eventflow.store.contract import Operation
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


class Load:
    """Stages that take a minute, and how many of them were executed at once at most."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.began: list[str] = []
        self.now = 0
        self.most = 0

    def stages(self, count: int) -> list[Any]:
        """Give so many stages, for one execution group."""
        return [ef.stage(id=f"s{number}")(self._work) for number in range(count)]

    async def _work(self, ctx: ef.StageContext[int]) -> int:
        self.began.append(ctx.stage_id)
        self.now += 1
        self.most = max(self.most, self.now)
        await self.clock.sleep(60)
        self.now -= 1
        return ctx.input


@pytest.fixture
def load(clock: ManualClock) -> Load:
    """Stages that are counted."""
    return Load(clock)


async def append_what_nobody_knows(store: ObservedStore, run: ef.Run) -> None:
    """Let a newer release have written an event, so that nothing can be decided here."""
    state, last = await run.state(), (await run.history())[-1]
    events = seal(
        run_id=run.id,
        events=[UnknownEvent("stage.dreamt", 1, b"{}")],
        after=state.version,
        previous=last.hash,
        recorded_at=state.recorded_at,
        actor=None,
        op_id="newer",
    )
    await store.append([Operation("newer", run.id, state.version, events, changes(state, state))])


def test_a_promised_place_is_not_free() -> None:
    """What an append may bring counts as long as it is under way, and never less than nothing."""
    in_hand = [1]
    room = Room(4, in_hand)
    room.backlog = False
    assert (room.free, room.to_go_on()) == (3, 4)
    with room.promise(2) as promise:
        assert (room.free, room.to_go_on()) == (1, 2)
        promise.jobs = -1
        assert room.free == 3
    in_hand.extend([2, 3, 4, 5, 6])
    assert (room.free, room.to_go_on()) == (-2, 0)


async def test_results_of_one_moment_claim_no_more_than_there_is_room_for(
    store: ObservedStore, clock: ManualClock, load: Load
) -> None:
    """Three runs fan out while their appends are held up together; four places stay four."""
    together = asyncio.Event()

    @ef.stage
    async def first(ctx: ef.StageContext[int]) -> int:
        await together.wait()
        return ctx.input

    workflow = ef.define_workflow("w", input=int).pipe(first).parallel(*load.stages(9)).build()
    async with ef.Runtime(store, [workflow], clock=clock, concurrency=4) as runtime:
        await runtime.start()
        runs = [await runtime.create_run("w", number) for number in range(3)]
        await clock.advance(5)
        store.gate.clear()
        together.set()
        await clock.settle()
        store.gate.set()
        await clock.run_until(asyncio.gather(*(run.result() for run in runs)))
    assert len(load.began) == 27
    assert load.most == 4


async def test_the_next_free_place_of_a_full_worker_goes_to_what_came_meanwhile(
    open_runtime: Open, clock: ManualClock, load: Load
) -> None:
    """It was noticed when there was no room, and is not forgotten until the next regular look."""

    @ef.stage
    async def urgent(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    @ef.stage
    async def first(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    fan = ef.define_workflow("fan", input=int).pipe(first).parallel(*load.stages(3)).build()
    single = ef.define_workflow("single", input=int).pipe(urgent).build()
    runtime = await open_runtime(fan, single, concurrency=3, job_poll_interval=3_600.0)
    await runtime.start()
    fanned = await runtime.create_run("fan", 1)
    await clock.advance(30)
    run = await runtime.create_run("single", 1)
    await clock.advance(31)
    assert (await run.state()).status is ef.Status.COMPLETED
    await clock.run_until(fanned.result())


async def test_many_jobs_of_a_run_that_cannot_be_read_starve_no_other(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, load: Load
) -> None:
    """However many stand first in line, a worker with one place finds what is behind them."""
    fan = ef.define_workflow("fan", input=int).parallel(*load.stages(20)).build()
    single = ef.define_workflow("single", input=int).pipe(load.stages(1)[0]).build()
    runtime = await open_runtime(fan, single, concurrency=1)
    await append_what_nobody_knows(store, await runtime.create_run("fan", 1, priority=9))
    run = await runtime.create_run("single", 7)
    await runtime.start()
    assert await clock.run_until(run.result(), 100) == 7


async def test_a_check_that_cannot_be_made_keeps_no_other_from_being_made(
    open_runtime: Open, clock: ManualClock, store: ObservedStore
) -> None:
    """An application that polls by itself gets past a run that cannot be read."""

    @ef.stage
    async def batch(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
        return ef.Suspended(ctx.input)

    @batch.check
    async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Ready[int]:
        return ef.Ready(state)

    workflow = ef.define_workflow("w", input=int).pipe(batch).build()
    runtime = await open_runtime(workflow, concurrency=1)
    broken, sound = [await runtime.create_run("w", n, priority=n) for n in (9, 1)]
    for run in (broken, sound):
        await clock.run_until(runtime.transition_run(run.id))
    await append_what_nobody_knows(store, broken)
    await clock.advance(31)
    assert await clock.run_until(runtime.poll_suspended_stages()) == 1
    assert (await sound.state()).output == 1


async def test_a_thread_that_outlives_its_attempt_takes_no_place_from_others(
    store: ObservedStore,
) -> None:
    """A plain function cannot be stopped; those of other runs are executed all the same."""
    over = threading.Event()

    @ef.stage(timeout=0.1, retry=ef.Retry(max_attempts=1))
    def stuck(ctx: ef.StageContext[int]) -> int:
        over.wait()
        return ctx.input

    @ef.stage(timeout=30)
    def quick(ctx: ef.StageContext[int]) -> int:
        return ctx.input

    workflows = [
        ef.define_workflow(stage.id, input=int).pipe(stage).build() for stage in (stuck, quick)
    ]
    async with ef.Runtime(store, workflows, concurrency=2) as runtime:
        await runtime.start()
        try:
            for _ in range(4):
                with pytest.raises(ef.RunFailed, match="longer than"):
                    await (await runtime.create_run("stuck", 0)).result(30)
            assert await (await runtime.create_run("quick", 5)).result(20) == 5
        finally:
            over.set()
