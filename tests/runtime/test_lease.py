"""Leases: a worker that is alive keeps its jobs, and notices which ones it has lost."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

import eventflow as ef
from eventflow.store.contract import Renewal
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


class Endless:
    """A workflow of one stage that goes on until it is cancelled, and tells when it was."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.cancelled_at: list[float] = []
        self.began_at = clock.now()
        self.seconds = 3_000.0

        @ef.stage(id="endless")
        async def endless(ctx: ef.StageContext[int]) -> int:
            try:
                await clock.sleep(self.seconds)
            except asyncio.CancelledError:
                self.cancelled_at.append(self.now())
                raise
            return 1

        self.workflow = ef.define_workflow("w", input=int).pipe(endless).build()

    def now(self) -> float:
        """Seconds since the beginning."""
        return (self.clock.now() - self.began_at).total_seconds()


@pytest.fixture
def endless(clock: ManualClock) -> Endless:
    """A workflow that goes on until it is cancelled."""
    return Endless(clock)


async def test_leases_are_renewed_every_third(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, endless: Endless
) -> None:
    """However seldom a worker looks for jobs, two heartbeats may be lost before a lease is over."""
    runtime = await open_runtime(
        endless.workflow, stale_job_threshold=60.0, job_poll_interval=1_000.0
    )
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(101)
    (claim,) = [e for e in await run.history() if e.type == "job.claimed"]
    assert [[r.due_at - clock.now() for r in batch] for batch in store.renewals] == [
        [timedelta(seconds=at + 60 - 101)] for at in (20, 40, 60, 80, 100)
    ]
    assert {r.token for batch in store.renewals for r in batch} == {claim.version}
    await run.cancel()


async def test_all_jobs_in_hand_are_renewed_together(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, endless: Endless
) -> None:
    """One call for a whole worker, and none while it has nothing in hand."""
    runtime = await open_runtime(
        endless.workflow, stale_job_threshold=60.0, job_poll_interval=1_000.0
    )
    await runtime.start()
    await clock.advance(100)
    assert store.renewals == []
    runs = [await runtime.create_run("w", number) for number in range(5)]
    await clock.advance(45)
    assert [len(batch) for batch in store.renewals] == [5, 5]
    for run in runs:
        await run.cancel()


async def test_a_cancellation_by_another_process_is_noticed_soon(
    open_runtime: Open, clock: ManualClock, endless: Endless
) -> None:
    """Within twice the time between two looks for jobs, and long before the lease is over."""
    worker = await open_runtime(endless.workflow, stale_job_threshold=600.0, job_poll_interval=2.0)
    other = await open_runtime(endless.workflow)
    await worker.start()
    run = await worker.create_run("w", 0)
    await clock.advance(100)
    await other.run(run.id).cancel()
    await clock.advance(10)
    assert len(endless.cancelled_at) == 1
    assert 100 <= endless.cancelled_at[0] <= 104


async def test_a_cancellation_by_this_process_is_noticed_at_once(
    open_runtime: Open, clock: ManualClock, endless: Endless
) -> None:
    """No heartbeat is needed for what the process has appended itself."""
    runtime = await open_runtime(endless.workflow)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(100)
    await run.cancel()
    await clock.settle()
    assert endless.cancelled_at == [100]


async def test_a_store_that_is_away_costs_no_lease_that_still_holds(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, endless: Endless
) -> None:
    """Heartbeats fail for a while and go on; the stage is executed once."""
    endless.seconds = 200
    runtime = await open_runtime(endless.workflow, stale_job_threshold=60.0)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(50)
    store.failure = ef.StoreUnavailable("away")
    await clock.advance(40)
    store.failure = None
    assert await clock.run_until(run.result()) == 1
    kinds = [e.type for e in await run.history()]
    assert (kinds.count("job.claimed"), kinds.count("lease.expired")) == (1, 0)


async def test_no_error_of_a_heartbeat_is_the_last_one(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, endless: Endless
) -> None:
    """Also one that is nobody's outage: the next heartbeat is tried, and the lease is kept."""
    endless.seconds = 200
    runtime = await open_runtime(endless.workflow, stale_job_threshold=60.0)
    await runtime.start()
    run = await runtime.create_run("w", 0)
    await clock.advance(50)
    store.failure = RuntimeError("a mistake in the store")
    await clock.advance(30)
    store.failure = None
    assert await clock.run_until(run.result()) == 1
    kinds = [e.type for e in await run.history()]
    assert (kinds.count("job.claimed"), kinds.count("lease.expired")) == (1, 0)


async def test_a_lease_that_was_lost_cancels_its_job_alone(
    open_runtime: Open,
    clock: ManualClock,
    store: ObservedStore,
    endless: Endless,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The jobs beside it keep theirs."""
    runtime = await open_runtime(endless.workflow)
    await runtime.start()
    kept, lost = [await runtime.create_run("w", number) for number in range(2)]
    await clock.advance(10)
    renew = store.renew

    async def lose_one(renewals: Any) -> list[Renewal]:  # noqa: ANN401
        await renew(renewals)
        return [renewal for renewal in renewals if renewal.run_id == lost.id]

    monkeypatch.setattr(store, "renew", lose_one)
    await clock.advance(3)
    assert len(endless.cancelled_at) == 1
    tasks = runtime._worker._hands._tasks if runtime._worker else set()
    assert len(tasks) == 1
    await kept.cancel()
    await lost.cancel()


async def test_a_result_does_not_wait_for_code_that_cleans_up(
    open_runtime: Open, clock: ManualClock
) -> None:
    """What another process has cancelled is over with the next heartbeat of its worker."""
    released = asyncio.Event()

    @ef.stage
    async def stubborn(ctx: ef.StageContext[int]) -> int:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(stubborn).build()
    worker, other = await open_runtime(workflow), await open_runtime(workflow)
    await worker.start()
    run = await worker.create_run("w", 0)
    result = asyncio.create_task(run.result())
    await clock.advance(5)
    await other.run(run.id).cancel()
    await clock.advance(3)
    assert isinstance(result.exception(), ef.RunCancelled)
    released.set()
