"""A whole store is proven while it is in use, whatever its size and whichever store it is."""

import asyncio
from collections.abc import Sequence

import pytest
from attrs import evolve

import eventflow as ef
from eventflow.engine import walking
from eventflow.engine.walking import Walk, newest_position
from eventflow.errors import Alteration, CheckpointMismatch
from eventflow.runtime.verification import VerifiedStore, verify_store
from eventflow.store.blobs import key_of
from eventflow.store.contract import RunPage, RunQuery, Store, StoredEvent
from eventflow.store.merkle import EMPTY, Tree, entry
from eventflow.testing.builders import Author
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC
from tests.scenarios.test_suspension import APPROVAL


async def fill(store: Store, runs: int = 7) -> list[StoredEvent]:
    """Append some runs in turns, and give the log."""
    authors = [Author() for _ in range(runs)]
    await store.append([author.create() for author in authors])
    await store.append([author.claim() for author in authors])
    await store.append([author.complete() for author in authors])
    return await store.read_all(0, 1_000)


async def test_a_store_in_use_is_confirmed(
    open_runtime: Open, store: Store, clock: ManualClock
) -> None:
    """Runs in every condition verify, with the root of the tree over all events."""
    runtime = await open_runtime(ARITHMETIC, APPROVAL)
    await runtime.start()
    run = await runtime.create_run("arithmetic", 5, metadata={"n": 1})
    await clock.run_until(run.result())
    await run.rerun_from("triple")
    await clock.run_until(run.result())
    await run.fork_from("format")
    await runtime.create_run("approval", 7)
    await clock.advance(5)
    verdict = await runtime.verify()
    tree = Tree()
    for event in await store.read_all(0, 1_000):
        tree.append(entry(event))
    assert verdict == VerifiedStore(tree.size, tree.root().hex(), runs=3)


async def test_an_empty_store_is_confirmed(store: Store) -> None:
    """There is nothing to alter in nothing."""
    assert await verify_store(store) == VerifiedStore(0, EMPTY.hex(), 0)


@pytest.mark.parametrize("page", [1, 2, 5])
async def test_runs_that_were_forgotten_are_read_again(
    store: Store, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any memory and any pages, the same is proven."""
    monkeypatch.setattr(walking, "PAGE", page)
    log = await fill(store)
    small = await Walk(store, len(log), capacity=1).to_the_end()
    assert small.root() == (await Walk(store, len(log)).to_the_end()).root()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 31, 33])
async def test_the_newest_position_is_found(store: Store, count: int) -> None:
    """However many events there are."""
    author = Author()
    if count > 1:
        await store.append([author.create(), *(author.note() for _ in range(count - 2))])
    assert await newest_position(store) == (count if count > 1 else 0)


async def test_progress_is_told(store: Store) -> None:
    """First the events are counted, then the runs."""
    log = await fill(store)
    told: list[VerifiedStore] = []
    verdict = await verify_store(store, progress=told.append)
    assert (told[0].events, told[0].runs) == (len(log), 0)
    assert told[-1] == verdict


class Busy:
    """A store to which somebody appends whenever rows were read."""

    def __init__(self, store: Store, author: Author) -> None:
        self._store = store
        self._author = author

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def runs(self, query: RunQuery) -> RunPage:
        """Read the rows, and let the run go on at once."""
        page = await self._store.runs(query)
        if self._author.version < 20:
            await self._store.append([self._author.note(), Author().create()])
        return page


async def test_a_store_that_is_written_meanwhile_is_confirmed(store: Store) -> None:
    """What is appended between two reads is no drift."""
    author = Author()
    await store.append([author.create()])
    busy = Busy(store, author)
    verdict = await verify_store(busy)  # type: ignore[arg-type]
    assert (verdict.events, verdict.runs) == (2, 1)


async def test_a_verification_can_be_interrupted(store: Store) -> None:
    """Whoever gives up is let go between two pages."""
    await fill(store)
    task = asyncio.create_task(verify_store(store, progress=lambda _: task.cancel()))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_blobs_are_looked_at(store: Store) -> None:
    """Every blob that a run refers to is there, and counted."""
    data = b"large" * 10
    await store.blobs.put(data)
    reference = {"$blob": key_of(data), "size": len(data)}
    await store.append([Author().create(value=reference), Author().create(value=[reference] * 2)])
    assert (await verify_store(store)).blobs == 2


async def test_a_missing_blob_is_named(store: Store) -> None:
    """The run is not whole without it, and neither is the store."""
    gone, author = key_of(b"gone"), Author()
    await store.append([Author().create(), author.create(value={"$blob": gone, "size": 4})])
    async with ef.Runtime(store) as runtime:
        for verification in (runtime.verify(), runtime.run(author.run_id).verify()):
            with pytest.raises(ef.HistoryAltered, match=gone) as found:
                await verification
            assert (found.value.run_id, found.value.version) == (author.run_id, 1)
            assert found.value.how is Alteration.MISSING


async def test_a_log_that_was_rewritten_has_another_root(store: Store) -> None:
    """Who knows the root at some size finds a log that fits in itself, and is another one."""
    log = await fill(store)
    tree = Tree()
    for event in log[:10]:
        tree.append(entry(event))
    await verify_store(store, roots={10: tree.root(), 0: EMPTY})
    with pytest.raises(CheckpointMismatch) as found:
        await verify_store(store, roots={9: tree.root()})
    assert (found.value.size, found.value.how) == (9, Alteration.ALTERED)


async def test_a_log_that_was_cut_off_is_found(store: Store) -> None:
    """Who knows how long the log was misses its end."""
    log = await fill(store)
    with pytest.raises(CheckpointMismatch, match="events are left") as found:
        await verify_store(store, roots={len(log) + 1: EMPTY})
    assert found.value.how is Alteration.MISSING


class Swapped:
    """A store in which two events of different runs have changed places."""

    def __init__(self, store: Store, first: int) -> None:
        self._store = store
        self._moved = {first: first + 1, first + 1: first}

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def read(self, run_ids: Sequence[str], after: int = 0) -> list[StoredEvent]:
        """Read runs, with the changed positions."""
        return [self._given(event) for event in await self._store.read(run_ids, after)]

    async def read_all(self, after: int, limit: int) -> list[StoredEvent]:
        """Read the log, in the order of the changed positions."""
        log = [self._given(event) for event in await self._store.read_all(0, 1_000)]
        log.sort(key=lambda event: event.position)
        return [event for event in log if event.position > after][:limit]

    def _given(self, event: StoredEvent) -> StoredEvent:
        return evolve(event, position=self._moved.get(event.position, event.position))


async def test_the_order_of_runs_is_proven_by_roots(store: Store) -> None:
    """No chain holds the order of single events of different runs; a known root does."""
    one, other = Author(), Author()
    await store.append([one.create(), other.create(), one.note(), other.note()])
    genuine = await verify_store(store)
    swapped = Swapped(store, 5)
    await verify_store(swapped)  # type: ignore[arg-type]
    with pytest.raises(CheckpointMismatch):
        await verify_store(swapped, roots={6: bytes.fromhex(genuine.root)})  # type: ignore[arg-type]


async def test_an_operation_stays_together(store: Store) -> None:
    """Events of one append stand side by side, so no other one can have come between them."""
    one, other = Author(), Author()
    await store.append([one.create(), other.create()])
    with pytest.raises(ef.HistoryAltered) as found:
        await verify_store(Swapped(store, 2))  # type: ignore[arg-type]
    assert found.value.how is Alteration.REORDERED
