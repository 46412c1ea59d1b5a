"""What every store makes possible: calls fail, at any point, and no run is harmed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from eventflow.store.contract import Store
from eventflow.testing.checker import assert_sound
from eventflow.testing.conformance.faults import Fate, FaultyStore
from eventflow.testing.conformance.scene import SUMS, Scene


class CrashTests:
    """Whatever call fails, and whatever became of it: every run comes to its end, and once."""

    @pytest_asyncio.fixture
    async def faulty(self, store: Store) -> AsyncIterator[FaultyStore]:
        """Give the store over a line that fails; the log is checked when all is over."""
        faulty = FaultyStore(store)
        yield faulty
        await assert_sound(store, acknowledged=faulty.acknowledged)

    @pytest.mark.parametrize("number", range(1, 9))
    @pytest.mark.parametrize("fate", Fate)
    async def test_an_append_may_fail(
        self, store: Store, faulty: FaultyStore, fate: Fate, number: int
    ) -> None:
        """At any point of a run: a worker finds out what became of its append, and goes on."""
        faulty.fates = {number: fate}
        await self._execute(store, faulty)

    @pytest.mark.parametrize("fate", Fate)
    async def test_every_other_append_may_fail(
        self, store: Store, faulty: FaultyStore, fate: Fate
    ) -> None:
        """Again and again."""
        faulty.fates = dict.fromkeys(range(1, 60, 2), fate)
        await self._execute(store, faulty)

    @pytest.mark.parametrize("method", ["append", "read", "due", "renew", "wait", "now", "runs"])
    async def test_any_call_may_fail(self, store: Store, faulty: FaultyStore, method: str) -> None:
        """A store that is away for some calls is waited for."""
        async with AsyncExitStack() as stack:
            scene = Scene(store, stack)
            runtime = await scene.work(SUMS, store=faulty, stale_job_threshold=30.0)
            run = await (await scene.open(SUMS)).create_run("sums", 5)
            faulty.away = {method: 3}
            assert await scene.result(run) == 31
            await scene.clock.advance(60)
            await runtime.stop()

    async def _execute(self, store: Store, faulty: FaultyStore) -> None:
        """Execute some runs by a worker with a bad line, and count what was recorded."""
        async with AsyncExitStack() as stack:
            scene = Scene(store, stack)
            caller = await scene.open(SUMS)
            runs = [await caller.create_run("sums", number) for number in range(2)]
            await scene.work(SUMS, store=faulty, concurrency=2)
            assert [await scene.result(run) for run in runs] == [11, 15]
            await scene.clock.advance(60)  # the worker may wait for the last answer
            for run in runs:
                types = await scene.types(run)
                assert types.count("stage.completed") == 4
                assert "result.discarded" not in types
