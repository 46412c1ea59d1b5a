"""What users rely on, whatever the store: whole runs in virtual time, and the log afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

import eventflow as ef
from eventflow.core.commands import CompleteStage
from eventflow.store.contract import Store
from eventflow.testing.builders import Author
from eventflow.testing.checker import assert_sound
from eventflow.testing.conformance.scene import SUMS, Scene, total


class ScenarioTests:
    """Runs come to what they should, and leave a sound log behind."""

    @pytest_asyncio.fixture
    async def scene(self, store: Store) -> AsyncIterator[Scene]:
        """Give a place where runs are executed; the log is checked when all is over."""
        async with AsyncExitStack() as stack:
            yield Scene(store, stack)
        await assert_sound(store, finished=False)

    async def test_a_run_goes_through_its_groups(self, scene: Scene) -> None:
        """Stages get what the group before gave; a group ends when its last sibling has."""
        runtime = await scene.work(SUMS)
        run = await runtime.create_run("sums", 5)
        assert await scene.result(run) == 31
        state = await run.state()
        assert {stage.id: stage.output for stage in state.stages.values()} == {
            "double": 10,
            "add": 20,
            "flaky": 11,
            "total": 31,
        }
        types = await scene.types(run)
        assert (types[0], types[-1]) == ("run.created", "run.completed")
        assert types.count("stage.attempt_failed") == 1

    async def test_a_run_fails_once_its_siblings_are_done(self, scene: Scene) -> None:
        """What a sibling still produces is recorded, and the next group never starts."""

        @ef.stage
        async def slow(ctx: ef.StageContext[int]) -> int:
            await scene.clock.sleep(10)
            return 1

        @ef.stage
        async def broken(ctx: ef.StageContext[int]) -> int | ef.Failed:
            return ef.Failed("no way")

        workflow = ef.define_workflow("w", input=int).parallel(slow, broken).pipe(total).build()
        run = await (await scene.work(workflow)).create_run("w", 0)
        with pytest.raises(ef.RunFailed, match="no way"):
            await scene.result(run)
        types = await scene.types(run)
        assert (types.count("stage.completed"), types.count("stage.scheduled")) == (1, 2)

    async def test_a_suspended_stage_is_checked_until_it_is_ready(self, scene: Scene) -> None:
        """Each check comes at its time, and a stage that is not ready is not executed again."""
        asked = []

        @ef.stage
        async def batch(ctx: ef.StageContext[int]) -> int | ef.Suspended[int]:
            return ef.Suspended(7, check_after=30)

        @batch.check
        async def ready(state: int, ctx: ef.StageContext[int]) -> ef.Pending | ef.Ready[int]:
            asked.append(scene.clock.now())
            return ef.Ready(state) if len(asked) == 3 else ef.Pending(60)

        workflow = ef.define_workflow("w", input=int).pipe(batch).build()
        run = await (await scene.work(workflow)).create_run("w", 0)
        await scene.clock.advance(29)
        assert asked == []
        assert await scene.result(run) == 7
        assert len(asked) == 3
        assert (asked[2] - asked[1]).total_seconds() == pytest.approx(60, abs=2)

    @pytest.mark.parametrize("early", [True, False])
    async def test_a_signal_wakes_who_waits_for_it(self, scene: Scene, *, early: bool) -> None:
        """Also one that arrives before anybody waits; and it is used once."""

        @ef.stage(signal="go")
        async def gate(ctx: ef.StageContext[int]) -> int | ef.Suspended[None]:
            if ctx.signal is None:
                return ef.Suspended(None, check_after=None)
            return int(str(ctx.signal))

        workflow = ef.define_workflow("w", input=int).pipe(gate).build()
        runtime = await scene.open(workflow)
        run = await runtime.create_run("w", 0)
        if early:
            await run.signal("go", 9)
        await runtime.start()
        await scene.clock.advance(5)
        if not early:
            assert (await run.state()).status is ef.Status.SUSPENDED
            await run.signal("go", 9)
        assert await scene.result(run) == 9

    async def test_a_cancelled_run_takes_no_result(self, scene: Scene) -> None:
        """It has ended at once, and what was under way is told so."""
        ended = []

        @ef.stage
        async def long(ctx: ef.StageContext[int]) -> int:
            try:
                await scene.clock.sleep(100)
            finally:
                ended.append(ctx.cancelled)
            return 1

        runtime = await scene.work(ef.define_workflow("w", input=int).pipe(long).build())
        run = await runtime.create_run("w", 0)
        await scene.clock.advance(5)
        assert await run.cancel("enough") is True
        with pytest.raises(ef.RunCancelled, match="enough"):
            await scene.result(run)
        await scene.clock.advance(200)
        assert ended == [True]
        assert "stage.completed" not in await scene.types(run)

    async def test_a_rerun_keeps_what_came_before(self, scene: Scene) -> None:
        """Earlier stages are not executed again, in the run itself and in a fork of it."""
        runtime = await scene.work(SUMS)
        run = await runtime.create_run("sums", 5)
        await scene.result(run)
        assert await run.rerun_from("total") == 1
        assert await scene.result(run) == 31
        assert await run.rerun_from("total") == 2
        assert await scene.result(run) == 31
        assert (await scene.types(run)).count("stage.completed") == 6
        fork = await run.fork_from("add")
        assert await scene.result(fork) == 31
        assert (await scene.types(fork)).count("stage.completed") == 3
        assert (await run.state()).generation == 2

    async def test_a_request_with_a_key_is_made_once(self, scene: Scene) -> None:
        """By several processes at once too; another request with the key is refused."""
        runtimes = [await scene.open(SUMS) for _ in range(3)]
        asked = (each.create_run("sums", 5, idempotency_key="k") for each in runtimes * 3)
        runs = await scene.clock.run_until(asyncio.gather(*asked))
        assert len({run.id for run in runs}) == 1
        with pytest.raises(ef.IdempotencyMismatch):
            await scene.clock.run_until(runtimes[0].create_run("sums", 6, idempotency_key="k"))

    async def test_the_most_important_run_goes_first(self, scene: Scene) -> None:
        """By priority, and among equals the oldest."""
        executed = []

        @ef.stage
        async def note(ctx: ef.StageContext[int]) -> int:
            executed.append(ctx.input)
            return 0

        workflow = ef.define_workflow("w", input=int).pipe(note).build()
        runtime = await scene.open(workflow, concurrency=1)
        runs = [
            await runtime.create_run("w", number, priority=priority)
            for number, priority in enumerate((5, 1, 10, 5, 10))
        ]
        await runtime.start()
        for run in runs:
            await scene.result(run)
        assert executed == [2, 4, 0, 3, 1]

    async def test_workers_share_what_there_is(self, scene: Scene) -> None:
        """Each job is executed once, whoever has it."""
        executed = []

        @ef.stage
        async def slow(ctx: ef.StageContext[int]) -> int:
            executed.append(ctx.input)
            await scene.clock.sleep(30)
            return ctx.input

        workflow = ef.define_workflow("w", input=int).pipe(slow).build()
        caller = await scene.open(workflow)
        runs = [await caller.create_run("w", number) for number in range(9)]
        for _ in range(3):
            await scene.work(workflow, concurrency=3, stale_job_threshold=12.0)
        assert [await scene.result(run) for run in runs] == list(range(9))
        assert sorted(executed) == list(range(9))

    async def test_a_dead_workers_job_is_taken_over(self, scene: Scene) -> None:
        """Once its lease is over, and not before; what it still reports is discarded."""
        runtime = await scene.open(SUMS)
        run = await runtime.create_run("sums", 5)
        zombie = Author.of(await scene.store.read([run.id]))
        await scene.store.append([zombie.claim("double", now=scene.clock.now(), lease=60)])
        token = zombie.token("double")
        await runtime.start()
        await scene.clock.advance(59)
        assert (await run.state()).stages["double"].attempt == 1
        assert await scene.result(run) == 31
        late = Author.of(await scene.store.read([run.id]))
        now = scene.clock.now()
        await scene.store.append(
            [late.do(CompleteStage(now=now, stage="double", token=token, output=99))]
        )
        types = await scene.types(run)
        assert (types[-1], types.count("lease.expired")) == ("result.discarded", 1)
        assert (await run.state()).output == 31

    async def test_any_value_goes_through(self, scene: Scene) -> None:
        """Text of any kind and size, as input, output, metadata and config."""
        text = "a\0b \u00e9 e\u0301 \U0001f600 '\"\\ \u2028" + "x" * 300_000

        @ef.stage
        async def echo(ctx: ef.StageContext[str]) -> dict[str, str]:
            await ctx.log("said", text=ctx.input)
            return {ctx.input[:9]: ctx.input}

        runtime = await scene.work(ef.define_workflow("w", input=str).pipe(echo).build())
        run = await runtime.create_run("w", text, metadata={"said": text[:20], "": None})
        assert await scene.result(run) == {text[:9]: text}
        (row,) = (await runtime.runs(metadata={"said": text[:20], "": None})).items
        assert row.run_id == run.id
        await run.verify()
