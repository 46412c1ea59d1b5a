"""Workers: what is urgent goes first, what follows rides along, and stopping gives back."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from structlog.testing import capture_logs

import eventflow as ef
from eventflow.store.contract import DueJob, Operation, Verdict
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open

EAGER: Any = getattr(asyncio, "eager_task_factory", None)


class Steps:
    """A workflow of three stages in a row, each taking a second, and what was executed."""

    def __init__(self, clock: ManualClock) -> None:
        self.executed: list[str] = []
        builder: Any = ef.define_workflow("w", input=str)
        for stage_id in ("a", "b", "c"):
            builder = builder.pipe(self._stage(stage_id, clock))
        self.workflow = builder.build()

    def _stage(self, id: str, clock: ManualClock) -> Any:  # noqa: ANN401
        @ef.stage(id=id)
        async def step(ctx: ef.StageContext[str]) -> str:
            self.executed.append(f"{ctx.input}.{ctx.stage_id}")
            await clock.sleep(1)
            return ctx.input

        return step


@pytest.fixture
def steps(clock: ManualClock) -> Steps:
    """Three stages in a row."""
    return Steps(clock)


async def test_with_room_each_step_is_one_append(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, steps: Steps
) -> None:
    """The result and the next claim ride together: one append to begin, one for each stage."""
    runtime = await open_runtime(steps.workflow)
    await runtime.start()
    run = await runtime.create_run("w", "x")
    await clock.run_until(run.result())
    create, claim, *results = store.appends
    assert (len(create), len(claim), len(results)) == (1, 1, 3)
    assert [e.type for e in await run.history()][4:7] == [
        "stage.completed",
        "stage.scheduled",
        "job.claimed",
    ]


async def test_what_is_more_urgent_goes_between_two_stages_of_a_run(
    open_runtime: Open, clock: ManualClock, steps: Steps
) -> None:
    """With room for one job, a run that came later and matters more is not kept waiting."""
    runtime = await open_runtime(steps.workflow, concurrency=1)
    await runtime.start()
    slow = await runtime.create_run("w", "slow", priority=1)
    await clock.advance(0.5)
    urgent = await runtime.create_run("w", "urgent", priority=9)
    await clock.run_until(asyncio.gather(slow.result(), urgent.result()))
    assert steps.executed == [
        "slow.a",
        "urgent.a",
        "urgent.b",
        "urgent.c",
        "slow.b",
        "slow.c",
    ]


async def test_what_another_process_created_and_is_more_urgent_goes_first(
    open_runtime: Open, clock: ManualClock, steps: Steps
) -> None:
    """The worker looks into the store before it goes on with what it has."""
    runtime, other = (
        await open_runtime(steps.workflow, concurrency=1),
        await open_runtime(steps.workflow),
    )
    await runtime.start()
    slow = await runtime.create_run("w", "slow", priority=1)
    await clock.advance(0.5)
    urgent = await other.create_run("w", "urgent", priority=9)
    await clock.run_until(asyncio.gather(slow.result(), urgent.result()))
    assert steps.executed[:3] == ["slow.a", "urgent.a", "urgent.b"]


async def test_never_more_jobs_than_were_allowed(open_runtime: Open, clock: ManualClock) -> None:
    """A backlog, and stages that follow and fan out, keep to the concurrency."""
    current, most = 0, 0

    async def step(ctx: ef.StageContext[Any]) -> int:
        nonlocal current, most
        current += 1
        most = max(most, current)
        await clock.sleep(1)
        current -= 1
        return 1

    workflow = (
        ef.define_workflow("w", input=int)
        .pipe(ef.stage(id="begin")(step))
        .parallel(*(ef.stage(id=f"side-{n}")(step) for n in range(4)))
        .pipe(ef.stage(id="end")(step))
        .build()
    )
    runtime = await open_runtime(workflow, concurrency=3)
    runs = [await runtime.create_run("w", n) for n in range(5)]
    await runtime.start()
    await clock.run_until(asyncio.gather(*(run.result() for run in runs)))
    assert most == 3


async def test_a_worker_can_be_started_again(
    open_runtime: Open, clock: ManualClock, steps: Steps
) -> None:
    """After `stop` nothing is claimed, and after another `start` everything goes on."""
    runtime = await open_runtime(steps.workflow)
    for number in range(3):
        run = await runtime.create_run("w", str(number))
        await clock.advance(10)
        assert (await run.state()).status is ef.Status.PENDING
        await runtime.start()
        assert await clock.run_until(run.result()) == str(number)
        await runtime.stop()


async def test_stopping_at_once_gives_every_job_back(
    open_runtime: Open, clock: ManualClock, steps: Steps
) -> None:
    """No attempt is used up, and another worker has all of them without waiting for a lease."""
    first, second = await open_runtime(steps.workflow), await open_runtime(steps.workflow)
    await first.start()
    runs = [await first.create_run("w", str(n)) for n in range(3)]
    await clock.advance(0.5)
    began = clock.now()
    await clock.run_until(first.stop(grace=0))
    await second.start()
    await clock.run_until(asyncio.gather(*(run.result() for run in runs)))
    assert (clock.now() - began).total_seconds() < 10
    for run in runs:
        stages = (await run.state()).stages.values()
        assert [stage.attempt for stage in stages] == [1, 1, 1]


async def test_stopping_while_the_store_is_away_ends(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, steps: Steps
) -> None:
    """What cannot be given back is left to its lease."""
    runtime = await open_runtime(steps.workflow)
    await runtime.start()
    run = await runtime.create_run("w", "x")
    await clock.advance(0.5)
    store.failure = ef.StoreUnavailable("away")
    await clock.run_until(runtime.stop(grace=2))
    store.failure = None
    assert [e.type for e in await run.history()][-1] == "job.claimed"
    await runtime.start()
    assert await clock.run_until(run.result()) == "x"


async def test_a_worker_has_a_name_of_its_own(open_runtime: Open, clock: ManualClock) -> None:
    """The one that it was given; else one that no other worker has."""
    names = set()
    for given in ({"worker_id": "named"}, {}, {}):
        workflow = Steps(clock).workflow
        runtime = await open_runtime(workflow, **given)
        await runtime.start()
        run = await runtime.create_run("w", "x")
        await clock.run_until(run.result())
        await runtime.stop()
        names |= {e.actor for e in await run.history() if e.type == "job.claimed"}
    assert len(names) == 3
    assert "named" in names


async def test_one_job_that_cannot_be_claimed_takes_no_other_along(
    open_runtime: Open,
    clock: ManualClock,
    store: ObservedStore,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run whose history breaks the fold is left alone; those claimed beside it are executed."""
    creator, worker = await open_runtime(steps.workflow), await open_runtime(steps.workflow)
    broken, sound = [await creator.create_run("w", name) for name in ("broken", "sound")]
    read = store.read

    async def break_one(run_ids: Any, after: int = 0) -> Any:  # noqa: ANN401
        found = await read(run_ids, after)
        never: Any = None
        return [evolve(e, recorded_at=never) if e.run_id == broken.id else e for e in found]

    monkeypatch.setattr(store, "read", break_one)
    await worker.start()
    await clock.advance(5)
    assert steps.executed == ["sound.a", "sound.b", "sound.c"]
    monkeypatch.undo()
    assert (await sound.state()).status is ef.Status.COMPLETED


async def test_an_error_of_the_store_that_nobody_expected_ends_no_worker(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, steps: Steps
) -> None:
    """It is logged with its traceback, and the worker looks again."""
    runtime = await open_runtime(steps.workflow)
    with capture_logs() as logs:
        await runtime.start()
        await clock.advance(1)
        store.failure = ZeroDivisionError("a bug of a store")
        await clock.advance(5)
        store.failure = None
        run = await runtime.create_run("w", "x")
        assert await clock.run_until(run.result()) == "x"
    failed = [line for line in logs if line["event"] == "worker.failed"]
    assert failed
    assert failed[0]["exception"].startswith("Traceback (most recent call last):")
    assert failed[0]["exception"].endswith("ZeroDivisionError: a bug of a store")


async def test_a_report_that_fails_for_no_known_reason_is_made_by_another_attempt(
    open_runtime: Open, clock: ManualClock, store: ObservedStore, steps: Steps
) -> None:
    """It is logged, the lease runs out, and the run goes on."""
    runtime = await open_runtime(steps.workflow)
    with capture_logs() as logs:
        await runtime.start()
        run = await runtime.create_run("w", "x")
        await clock.advance(0.5)
        append = store.append

        async def broken(operations: Sequence[Operation]) -> list[Verdict]:
            store.append = append  # type: ignore[method-assign]
            raise ZeroDivisionError("a bug of a store")

        store.append = broken  # type: ignore[method-assign]
        assert await clock.run_until(run.result()) == "x"
    assert [line["stage"] for line in logs if line["event"] == "stage.not_reported"] == ["a"]
    assert steps.executed == ["x.a", "x.a", "x.b", "x.c"]


async def test_a_run_is_not_given_up_for_one_mistake_of_the_store(
    open_runtime: Open,
    clock: ManualClock,
    steps: Steps,
    store: ObservedStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A claim that failed for no known reason is made again a minute later, by the same worker."""
    append = store.append
    mistakes = 1

    async def fail_at_first(operations: Sequence[Operation]) -> list[Verdict]:
        nonlocal mistakes
        claims = [e for each in operations for e in each.events if e.type == "job.claimed"]
        if claims and mistakes:
            mistakes -= 1
            raise RuntimeError("a mistake in the store")
        return await append(operations)

    monkeypatch.setattr(store, "append", fail_at_first)
    creator, worker = await open_runtime(steps.workflow), await open_runtime(steps.workflow)
    await worker.start()
    run = await creator.create_run("w", "x")
    began = clock.now()
    await clock.run_until(run.result(timeout=600))
    assert mistakes == 0
    assert clock.now() - began < timedelta(seconds=70)


async def test_a_job_that_is_never_to_be_had_keeps_no_worker_busy(
    open_runtime: Open,
    clock: ManualClock,
    store: ObservedStore,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row that is not what its run says is looked at once in a while, and no more often."""
    runtime = await open_runtime(steps.workflow, concurrency=1, job_poll_interval=1.0)
    run = await runtime.create_run("w", "x")
    await run.cancel()
    looks = 0

    async def list_it_still(*asked: Any) -> list[DueJob]:  # noqa: ANN401
        nonlocal looks
        looks += 1
        return [DueJob(run.id, "a", version=2, token=0, leased=False)]

    monkeypatch.setattr(store, "due", list_it_still)
    await runtime.start()
    await clock.advance(5)
    assert looks < 10


@pytest.mark.skipif(EAGER is None, reason="Python 3.12 brought tasks that begin at once")
async def test_a_loop_whose_tasks_begin_at_once_changes_nothing(
    open_runtime: Open, clock: ManualClock
) -> None:
    """No more is executed side by side than was allowed, and who waits elsewhere hears of ends."""
    under_way: list[int] = []

    async def work(ctx: ef.StageContext[int]) -> int:
        under_way.append(under_way[-1] + 1 if under_way else 1)
        await clock.sleep(1)
        under_way.append(under_way[-1] - 1)
        return ctx.input

    stages = [ef.stage(id=each)(work) for each in "abc"]
    workflow = ef.define_workflow("w", input=int).parallel(*stages).build()
    asyncio.get_running_loop().set_task_factory(EAGER)
    runtime = await open_runtime(workflow, concurrency=2)
    other = await open_runtime(workflow)
    await runtime.start()
    await clock.advance(1)
    runs = [await runtime.create_run("w", number) for number in range(3)]
    results = asyncio.gather(*(other.run(run.id).result() for run in runs))
    assert len(await clock.run_until(results)) == 3
    assert max(under_way) == 2
