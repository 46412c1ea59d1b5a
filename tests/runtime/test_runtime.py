"""The runtime: opened once for each block, and it closes only what it opened."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import eventflow as ef
from eventflow.errors import InvalidInput, InvalidSettings, RuntimeNotOpen
from eventflow.store.memory import MemoryStore
from eventflow.testing.clock import ManualClock
from tests.engine.observed import ObservedStore
from tests.runtime.conftest import Open


@ef.stage
async def work(ctx: ef.StageContext[int]) -> int:
    """Give the number back."""
    return ctx.input


@ef.stage
async def further(ctx: ef.StageContext[int]) -> int:
    """Give the number back."""
    return ctx.input


WORKFLOW = ef.define_workflow("w", input=int).pipe(work).build()


async def test_a_store_that_was_handed_in_stays_open(store: ObservedStore) -> None:
    """Whoever opened it closes it."""
    async with ef.Runtime(store, [WORKFLOW]) as runtime:
        await runtime.create_run("w", 1)
    assert len(await store.read_all(0, 10)) == 2


async def test_a_store_that_the_runtime_opened_is_closed() -> None:
    """Nothing is left behind after the block."""
    async with ef.Runtime("memory://", [WORKFLOW]) as runtime:
        store = runtime._open_parts.handles.journal.store
    with pytest.raises(ef.StoreUnavailable, match="closed"):
        await store.read_all(0, 10)


async def test_a_store_that_does_not_tell_the_time_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Opening failed halfway, so nobody else could close it."""
    closed = []

    async def fail(self: MemoryStore) -> None:
        raise ef.StoreUnavailable("away")

    async def close(self: MemoryStore) -> None:
        closed.append(self)

    monkeypatch.setattr(MemoryStore, "now", fail)
    monkeypatch.setattr(MemoryStore, "close", close)
    with pytest.raises(ef.StoreUnavailable, match="away"):
        await ef.Runtime("memory://", [WORKFLOW]).__aenter__()
    assert len(closed) == 1


async def test_a_block_that_is_cancelled_while_it_ends_closes_its_store(
    clock: ManualClock,
) -> None:
    """Nobody waits for the jobs any more: they are cancelled, and the worker ends."""
    ended = []

    @ef.stage
    async def slow(ctx: ef.StageContext[int]) -> int:
        try:
            await clock.sleep(3_600)
        finally:
            ended.append(ctx.run_id)
        return 1

    workflow = ef.define_workflow("w", input=int).pipe(slow).build()
    runtime = await ef.Runtime("memory://", [workflow], clock=clock).__aenter__()
    store = runtime._open_parts.handles.journal.store
    await runtime.start()
    run = await runtime.create_run("w", 1)
    await clock.advance(5)
    leaving = asyncio.create_task(runtime.__aexit__(None, None, None))
    await clock.advance(5)
    leaving.cancel()
    await clock.settle()
    assert leaving.cancelled()
    assert ended == [run.id]
    with pytest.raises(ef.StoreUnavailable, match="closed"):
        await store.read_all(0, 10)


async def test_a_runtime_is_not_opened_twice_at_once(store: ObservedStore) -> None:
    """But again after its block."""
    runtime = ef.Runtime(store, [WORKFLOW])
    async with runtime:
        with pytest.raises(RuntimeNotOpen, match="open already"):
            await runtime.__aenter__()
        await runtime.create_run("w", 1)
    async with runtime:
        await runtime.create_run("w", 1)
    with pytest.raises(RuntimeNotOpen, match="async with"):
        runtime.run("any")


@pytest.mark.parametrize("wrong", [None, 5, {"url": "memory://"}], ids=repr)
def test_what_is_no_store_is_refused(wrong: Any) -> None:  # noqa: ANN401
    """When the runtime is made, and not in the middle of its first use."""
    with pytest.raises(InvalidSettings, match="store"):
        ef.Runtime(wrong)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"limit": 0}, "The limit of a page of runs is a whole number, at least one"),
        ({"status": "done"}, '"done"; there are: pending, running'),
        ({"status": ["failed", "lost"]}, '"lost"'),
        ({"after": "yesterday"}, "'yesterday'; give the `next`"),
        ({"after": 5}, "The cursor of a page is a text, not 5"),
        ({"limit": 1.5}, "whole number, at least one and at most 2147483647, not 1.5"),
        ({"limit": 10**20}, "whole number, at least one and at most 2147483647, not 1000"),
        ({"status": 5}, "A status is a text, or there are several in a list, not 5"),
        ({"workflow": 5}, "The id of a workflow is a text, not 5"),
        ({"workflow": "\ud800"}, "The id of a workflow is a text"),
        ({"metadata": 5}, "Metadata are values by name, not 5"),
        ({"metadata": {5: 1}}, "A key of metadata is a text, not 5"),
        ({"metadata": {"a": float("nan")}}, "nan is not a JSON number"),
        ({"metadata": {"a": "\ud800"}}, "half a surrogate pair"),
        ({"metadata": {"a": object()}}, "object cannot be stored as JSON"),
    ],
)
async def test_a_list_that_cannot_be_made_is_refused(
    open_runtime: Open, asked: dict[str, Any], message: str
) -> None:
    """The error tells what is wrong and what there is instead."""
    runtime = await open_runtime(WORKFLOW)
    await runtime.create_run("w", 1)
    with pytest.raises(InvalidInput, match=message):
        await runtime.runs(**asked)


async def test_a_result_has_the_type_of_the_workflow(
    open_runtime: Open, clock: ManualClock
) -> None:
    """A declared output counts before that of the last stage, also where it says more."""
    workflow = ef.define_workflow("typed", input=int, output=float).pipe(work).pipe(further).build()
    runtime = await open_runtime(workflow)
    await runtime.start()
    run = await runtime.create_run("typed", 3)
    result = await clock.run_until(run.result())
    assert (type(result), result) == (float, 3.0)


async def test_a_run_is_listed_by_several_statuses(open_runtime: Open) -> None:
    """A status is given as itself or by its name, alone or with others."""
    runtime = await open_runtime(WORKFLOW)
    runs = [await runtime.create_run("w", number) for number in range(2)]
    await runs[0].cancel()
    for asked in (["pending", ef.Status.CANCELLED], None):
        page = await runtime.runs(status=asked)
        assert [row.run_id for row in page.items] == [runs[1].id, runs[0].id]
    (row,) = (await runtime.runs(status=ef.Status.PENDING)).items
    assert row.run_id == runs[1].id


async def test_of_two_that_open_a_runtime_at_once_one_is_refused(tmp_path: Path) -> None:
    """No store stays open behind the block of the other."""
    runtime = ef.Runtime(f"sqlite:///{tmp_path}/log.db", [WORKFLOW])
    before = threading.active_count()
    first, second = await asyncio.gather(
        runtime.__aenter__(), runtime.__aenter__(), return_exceptions=True
    )
    assert {type(first), type(second)} == {ef.Runtime, RuntimeNotOpen}
    await runtime.__aexit__(None, None, None)
    await asyncio.sleep(0.05)
    assert threading.active_count() <= before
