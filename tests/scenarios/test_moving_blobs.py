"""History moves with its large values and artifacts."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import eventflow as ef
from eventflow.engine.copying import CopyReport, copy_history
from eventflow.errors import CannotCopy
from eventflow.runtime.moving import copy
from eventflow.store.contract import Operation, Store, Verdict
from eventflow.store.elsewhere import WithBlobs
from eventflow.store.memory import MemoryStore
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.store.registry import open_blobs
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open


@ef.stage
async def drawing(ctx: ef.StageContext[str]) -> str:
    """Keep a picture, and give a large output."""
    await ctx.storage.save("picture", b"\x00" * 999)
    return ctx.input + "!"


@ef.stage
async def showing(ctx: ef.StageContext[str]) -> int:
    """Look at the picture and at what was drawn."""
    return len(await ctx.storage.load("picture", stage=drawing)) + len(ctx.input)


PICTURES = ef.define_workflow("pictures", input=str).pipe(drawing).pipe(showing).build()
RESULT = 999 + 1_001


async def drawn(open_runtime: Open, clock: ManualClock, **options: Any) -> ef.Run:  # noqa: ANN401 - those of Runtime
    """Execute a run with a large input, a large output and an artifact."""
    runtime = await open_runtime(PICTURES, inline_limit=100, **options)
    await runtime.start()
    run: ef.Run = await runtime.create_run("pictures", "x" * 1_000)
    assert await clock.run_until(run.result()) == RESULT
    await clock.run_until(runtime.stop())
    return run


@pytest.fixture
async def memory() -> AsyncIterator[Store]:
    """A store in memory."""
    opened = MemoryStore()
    yield opened
    await opened.close()


async def goes_on(target: Store, clock: ManualClock, run_id: str) -> None:
    """A copied run is whole: it verifies, gives its result, and runs again."""
    async with ef.Runtime(clock.watch(target), [PICTURES], clock=clock) as runtime:
        run = runtime.run(run_id)
        await run.verify()
        assert await run.result() == RESULT
        assert await run.load((await run.artifacts())[0]) == b"\x00" * 999
        await runtime.start()
        await run.rerun_from("showing")
        assert await clock.run_until(run.result()) == RESULT


@pytest.mark.parametrize("into", [True, False])
async def test_blobs_come_along(
    open_runtime: Open,
    clock: ManualClock,
    store: Store,
    memory: Store,
    into: bool,  # noqa: FBT001 - a case of the table
) -> None:
    """From memory into each store and back, a run arrives with all that it refers to, once."""
    run = await drawn(open_runtime, clock)
    if into:
        await copy_history(store, memory)
        report = await copy_history(memory, other := MemoryStore())
        await goes_on(other, clock, run.id)
    else:
        report = await copy_history(store, memory)
        await goes_on(memory, clock, run.id)
    assert report.blobs == 3
    assert (await copy_history(store, memory)).blobs == 0


class Watching(MemoryStore):
    """A store that looks, at each append, whether the blobs of the events are there."""

    async def append(self, operations: Any) -> list[Verdict]:  # noqa: ANN401 - operations
        """Append what needs no blob that is missing."""
        given: list[Operation] = list(operations)
        for operation in given:
            for event in operation.events:
                for word in event.data.split(b'"'):
                    if word.startswith(b"sha256:"):
                        assert await self.blobs.exists(word.decode())
        return await super().append(given)


@pytest.mark.parametrize("batch", [1, 3, 500])
async def test_a_blob_is_there_before_its_event(
    open_runtime: Open, clock: ManualClock, store: Store, batch: int
) -> None:
    """A copy that is cut off at any point refers to nothing that it did not bring."""
    await drawn(open_runtime, clock)
    reports: list[CopyReport] = []
    await copy_history(store, Watching(), batch=batch, progress=reports.append)
    assert reports[-1].blobs == 3


async def test_without_a_blob_its_event_is_not_copied(
    open_runtime: Open, clock: ManualClock, store: Store, memory: Store
) -> None:
    """What is missing in the source is named, and nothing that needs it is appended."""
    run = await drawn(open_runtime, clock, blobs=MemoryBlobs())
    with pytest.raises(CannotCopy, match="source_blobs") as raised:
        await copy_history(store, memory, batch=1)
    assert (raised.value.run_id, raised.value.version) == (run.id, 1)
    assert await memory.read([run.id]) == []


async def test_blobs_move_between_folders_and_stores(tmp_path: Path) -> None:
    """Each side of a copy may keep its blobs beside the log, or elsewhere by URL."""
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in "abc"]
    folders = [f"file://{tmp_path}/{name}" for name in "xy"]
    async with ef.Runtime(urls[0], [PICTURES], inline_limit=100, blobs=folders[0]) as runtime:
        run = await runtime.create_run("pictures", "x" * 1_000)
        await runtime.transition_run(run.id)
    await copy(urls[0], urls[1], source_blobs=folders[0])
    await copy(urls[1], urls[2], target_blobs=folders[1])
    async with ef.Runtime(urls[1], [PICTURES]) as runtime:
        assert await runtime.run(run.id).result() == RESULT
    async with ef.Runtime(urls[2], [PICTURES], blobs=folders[1]) as runtime:
        assert await runtime.run(run.id).result() == RESULT
        await runtime.run(run.id).verify()
    one, other = [await open_blobs(folder) for folder in folders]
    assert await one.list() == await other.list()
    await asyncio.gather(one.close(), other.close())


async def test_exports_hold_blobs_wherever_they_are(
    open_runtime: Open, clock: ManualClock, tmp_path: Path
) -> None:
    """A history file of a run whose blobs are elsewhere is whole, and is imported elsewhere."""
    run = await drawn(open_runtime, clock, blobs=MemoryBlobs())
    report = await run.export(tmp_path / "run.jsonl")
    assert report.blobs == 3
    blobs = MemoryBlobs()
    target = MemoryStore()
    async with ef.Runtime(target, [PICTURES], blobs=blobs) as runtime:
        await runtime.import_history(tmp_path / "run.jsonl")
        assert await runtime.run(run.id).result() == RESULT
        await runtime.verify()
    assert len(await blobs.list()) == 3
    assert await target.blobs.list() == []
    await goes_on(WithBlobs(target, blobs), clock, run.id)
