"""Claims, leases and fencing: one worker at a time, and exactly one completion at the end."""

import asyncio
from collections import Counter
from functools import partial

import pytest

import eventflow as ef
from eventflow.core.commands import ClaimJob, CompleteStage
from eventflow.core.decide import draft
from eventflow.engine.journal import Journal
from eventflow.store.contract import Store
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC, types


class DeadWorker:
    """A worker that claims the first due job and is not heard of again, until it reports late."""

    def __init__(self, store: Store, clock: ManualClock, name: str = "w1") -> None:
        self.journal = Journal(store, lambda: name)
        self.clock = clock
        self.name = name

    async def claim(self, lease: float = 60.0) -> tuple[str, str, int]:
        """Claim; give the run, the stage and the token."""
        due = (await self.journal.store.due(self.clock.now(), None, 1))[0]
        command = ClaimJob(
            now=self.clock.now(),
            stage=due.stage,
            worker=self.name,
            lease=lease,
            seen_token=due.token,
            seen_leased=due.leased,
        )
        outcome = await self.journal.execute(due.run_id, lambda state: draft(state, command))
        claim = outcome.state.stages[due.stage].claim
        assert claim is not None
        return due.run_id, due.stage, claim.token

    async def report(self, run_id: str, stage: str, token: int, output: object) -> list[str]:
        """Report late; give the names of the events that it led to."""
        command = CompleteStage(now=self.clock.now(), stage=stage, token=token, output=output)
        outcome = await self.journal.execute(run_id, lambda state: draft(state, command))
        return [type(event).__name__ for event in outcome.events]


async def test_an_expired_lease_is_taken_over_and_the_late_report_refused(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Scenario 11: w2 gets attempt 2 after the lease; w1's report is discarded."""
    attempts = []

    @ef.stage
    async def work(ctx: ef.StageContext[int]) -> int:
        attempts.append(ctx.attempt)
        return ctx.input

    runtime = await open_runtime(ef.define_workflow("w", input=int).pipe(work).build())
    run = await runtime.create_run("w", 7)
    dead = DeadWorker(store, clock)
    claimed = await dead.claim()
    await runtime.start()
    await clock.advance(59)
    assert attempts == []
    assert await clock.run_until(run.result()) == 7
    assert attempts == [2]
    assert await dead.report(*claimed, output=99) == ["ResultDiscarded"]
    kinds = Counter(await types(run))
    assert (kinds["lease.expired"], kinds["stage.completed"]) == (1, 1)
    assert (await run.state()).output == 7


async def test_nothing_is_taken_from_a_worker_that_renews(
    open_runtime: Open, clock: ManualClock
) -> None:
    """Scenario 18: a stage of one hour, with other workers waiting, is executed once."""
    started = []

    @ef.stage
    async def long(ctx: ef.StageContext[int]) -> int:
        started.append(ctx.attempt)
        await clock.sleep(3600)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(long).build()
    first = await open_runtime(workflow, worker_id="first")
    second = await open_runtime(workflow, worker_id="second")
    await first.start()
    await second.start()
    run = await first.create_run("w", 0)
    assert await clock.run_until(run.result()) == 1
    assert started == [1]
    assert "lease.expired" not in await types(run)


async def test_an_hour_of_backlog_fails_nothing(open_runtime: Open, clock: ManualClock) -> None:
    """Scenario 18: a job that waits for a worker is not taken for dead."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    await clock.advance(3600)
    await runtime.start()
    assert await clock.run_until(run.result()) == "Final: 60"
    assert "lease.expired" not in await types(run)


async def test_ten_claimers_of_three_runs_make_three_claims(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Scenario 13: each run is claimed once, and the losers do nothing."""
    runtime = await open_runtime(ARITHMETIC)
    runs = [await runtime.create_run("arithmetic", n) for n in range(3)]
    due = await store.due(clock.now(), None, 10)
    assert len(due) == 3

    async def claim_all(name: str) -> None:
        journal = Journal(store, lambda: name)
        for job in due:
            command = ClaimJob(now=clock.now(), stage=job.stage, worker=name, lease=60)
            await journal.execute(job.run_id, partial(draft, command=command))

    await asyncio.gather(*(claim_all(f"w{n}") for n in range(10)))
    for run in runs:
        assert (await types(run)).count("job.claimed") == 1


async def test_a_stage_whose_worker_always_dies_ends_failed(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Scenario 19: each expired lease uses up an attempt, and the reason is recorded."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    for attempt in range(3):
        await DeadWorker(store, clock, f"w{attempt}").claim()
        await clock.advance(61)
    await runtime.start()
    with pytest.raises(ef.RunFailed, match="stopped renewing its lease"):
        await clock.run_until(run.result())
    kinds = Counter(await types(run))
    assert (kinds["job.claimed"], kinds["lease.expired"], kinds["stage.failed"]) == (3, 3, 1)


async def test_another_worker_goes_on_after_a_completion(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """Scenario 17: the worker dies right after `stage.completed` is durable."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    dead = DeadWorker(store, clock)
    run_id, stage, token = await dead.claim()
    assert await dead.report(run_id, stage, token, 10) == ["StageCompleted", "StageScheduled"]
    await runtime.start()
    assert await clock.run_until(run.result()) == "Final: 60"


async def test_a_rewound_generation_ignores_late_results(
    open_runtime: Open, clock: ManualClock, store: Store
) -> None:
    """A result of before the rewind is discarded, also when its stage runs again."""
    runtime = await open_runtime(ARITHMETIC)
    run = await runtime.create_run("arithmetic", 5)
    dead = DeadWorker(store, clock)
    claimed = await dead.claim()
    await run.cancel()
    await run.rerun_from("double")
    await runtime.start()
    assert await clock.run_until(run.result()) == "Final: 60"
    assert await dead.report(*claimed, output=99) == ["ResultDiscarded"]
    assert (await run.state()).output == "Final: 60"
