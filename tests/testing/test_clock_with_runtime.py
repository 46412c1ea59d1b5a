"""Runtimes under virtual time: the same test gives the same history, on any machine."""

import time
from pathlib import Path

import pytest

import eventflow as ef
from eventflow.store.registry import open_store
from eventflow.testing.checker import assert_sound
from eventflow.testing.clock import ManualClock


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """The store to test on."""
    return str(request.param)


def url_of(kind: str, path: Path) -> str:
    """Name an empty store."""
    return "memory://" if kind == "memory" else f"sqlite:///{path}?synchronous=NORMAL"


History = list[tuple[str, float]]


async def history_of_a_busy_hour(url: str) -> History:
    """Let two workers execute slow, failing and plain stages for an hour; give what happened."""
    clock = ManualClock()

    @ef.stage(retry=ef.Retry(max_attempts=5, initial=90))
    async def flaky(ctx: ef.StageContext[int]) -> int:
        await clock.sleep(10 + ctx.input)
        if ctx.attempt < 4:
            raise ConnectionError("not yet")
        return ctx.input

    @ef.stage(timeout=5)
    def plain(ctx: ef.StageContext[int]) -> int:
        time.sleep(0.01)
        return ctx.input

    workflow = ef.define_workflow("w", input=int).parallel(flaky, plain).build()
    store = await open_store(url)
    watched = clock.watch(store)
    async with (
        ef.Runtime(watched, [workflow], clock=clock, worker_id="first", concurrency=2) as first,
        ef.Runtime(watched, [workflow], clock=clock, worker_id="second", concurrency=2) as second,
    ):
        await first.start()
        await second.start()
        runs = []
        for number in range(4):
            runs.append(await first.create_run("w", number))
            await clock.advance(7)
        for run in runs:
            await clock.run_until(run.result())
    await assert_sound(store)
    start = ManualClock().now()
    events = [
        (f"{stored.actor} {stored.type} {[run.id for run in runs].index(stored.run_id)}", stored)
        for stored in await store.read_all(0, 1_000)
    ]
    await store.close()
    return [(what, (stored.recorded_at - start).total_seconds()) for what, stored in events]


async def test_the_same_test_gives_the_same_history(kind: str, tmp_path: Path) -> None:
    """Event by event, and second by second."""
    histories = [await history_of_a_busy_hour(url_of(kind, tmp_path / f"{n}.db")) for n in range(3)]
    assert histories[0] == histories[1] == histories[2]
    assert not any(what.split()[1] == "lease.expired" for what, _ in histories[0])
