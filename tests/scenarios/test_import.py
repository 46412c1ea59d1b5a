"""A history leaves a store as a file and comes into another one as it was, once, and goes on."""

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

import eventflow as ef
from eventflow.engine.histories import verify_file
from eventflow.engine.history_writer import HistoryWriter
from eventflow.engine.importing import import_histories
from eventflow.errors import BlobNotFound, CannotCopy, InvalidHistoryFile
from eventflow.store.blobs import key_of
from eventflow.store.chain import seal
from eventflow.store.contract import RunQuery, Store, StoredEvent
from eventflow.store.envelope import open_envelope
from eventflow.store.memory import MemoryStore
from eventflow.store.memory_blobs import MemoryBlobs
from eventflow.testing.builders import START, Author
from eventflow.testing.checker import assert_sound
from eventflow.testing.clock import ManualClock
from tests.scenarios.conftest import Open
from tests.scenarios.steps import ARITHMETIC
from tests.scenarios.test_suspension import APPROVAL


async def exported(store: Store, query: RunQuery | None = None) -> bytes:
    """Export runs of a store, all if no others are asked for."""
    file = io.BytesIO()
    async with ef.Runtime(store=store) as runtime:
        await runtime.export(query, file)
    return file.getvalue()


async def log_of(store: Store) -> list[StoredEvent]:
    """All events of a store."""
    return await store.read_all(0, 10_000)


async def some_runs(*authors: Author) -> MemoryStore:
    """A store in memory, with runs that each have five events and are alive."""
    store = MemoryStore()
    for author in authors:
        await store.append([author.create(groups=[["a"], ["b"]]), author.claim(), author.note()])
    return store


async def test_runs_come_into_any_store_as_they_were(
    store: Store, clock: ManualClock, open_runtime: Open, tmp_path: Path
) -> None:
    """Ended, rewound, suspended and pending runs arrive to the byte, and those alive go on."""
    async with ef.Runtime(MemoryStore(), [ARITHMETIC, APPROVAL], clock=clock) as here:
        await here.start()
        ended = await here.create_run("arithmetic", 5, idempotency_key="order-1")
        await clock.run_until(ended.result())
        await ended.rerun_from("triple", actor="ada", reason="again")
        await clock.run_until(ended.result())
        waiting = await here.create_run("approval", 7, metadata={"customer": 1})
        await clock.advance(1)
        await here.stop()
        pending = await here.create_run("arithmetic", 6)
        runs = [ended, waiting, pending]
        before = [await run.state() for run in runs]
        report = await here.export(None, tmp_path / "all.ndjson")
        assert report.runs == 3

        there = await open_runtime(ARITHMETIC, APPROVAL)
        imported = await there.import_history(tmp_path / "all.ndjson")

        assert imported.run_ids == tuple(run.id for run in runs)
        assert (imported.imported, imported.present) == (report.events, 0)
        assert imported.alive == 2
        assert [await there.run(run.id).state() for run in runs] == before
        await assert_sound(store, finished=False)
        for run in runs:
            await there.run(run.id).verify()
            ours, theirs = io.BytesIO(), io.BytesIO()
            await run.export(ours)
            await there.run(run.id).export(theirs)
            assert ours.getvalue() == theirs.getvalue()
    again = await there.create_run("arithmetic", 5, idempotency_key="order-1")
    assert again.id == ended.id
    await there.start()
    await there.run(waiting.id).signal("approval", {"by": "ada"})
    assert await clock.run_until(there.run(waiting.id).result()) == "7: ada"
    assert await clock.run_until(there.run(pending.id).result()) == "Final: 66"
    await assert_sound(store)


async def test_a_run_imported_twice_is_one_run(store: Store) -> None:
    """The second time, nothing is appended."""
    file = await exported(await some_runs(Author(), Author()))
    first = await import_histories(store, io.BytesIO(file))
    assert (first.runs, first.imported, first.present) == (2, 10, 0)
    log = await log_of(store)
    second = await import_histories(store, io.BytesIO(file))
    assert (second.runs, second.imported, second.present) == (2, 0, 10)
    assert await log_of(store) == log


async def test_two_imports_at_once_are_one(store: Store) -> None:
    """Whoever comes second finds each run there, at whatever moment."""
    file = await exported(await some_runs(Author(), Author()))
    await asyncio.gather(*(import_histories(store, io.BytesIO(file)) for _ in range(3)))
    await assert_sound(store, finished=False)
    assert len(await log_of(store)) == 10


async def test_a_run_is_continued_by_a_later_file(store: Store) -> None:
    """A store that has the beginning of a run gets the rest; an older file changes nothing."""
    author = Author()
    source = await some_runs(author)
    old = await exported(source)
    await source.append([author.complete(), author.claim("b")])
    new = await exported(source)
    await import_histories(store, io.BytesIO(old))
    report = await import_histories(store, io.BytesIO(new))
    assert (report.present, report.imported) == (5, 3)
    assert await log_of(store) == await log_of(source)
    assert (await import_histories(store, io.BytesIO(old))).imported == 0


async def test_a_run_that_is_another_one_is_refused(store: Store) -> None:
    """Where the store went on with a run itself, nothing of the whole file is appended."""
    author, other = Author(), Author()
    source = await some_runs(other, author)
    await import_histories(
        store, io.BytesIO(await exported(source, RunQuery(run_ids=[author.run_id])))
    )
    rival = author.copy()
    await source.append([author.complete()])
    await store.append([rival.note()])
    before = await log_of(store)
    with pytest.raises(CannotCopy, match="from version 6 on, the target has another") as found:
        await import_histories(store, io.BytesIO(await exported(source)))
    assert (found.value.run_id, found.value.version) == (author.run_id, 6)
    assert await log_of(store) == before


@pytest.mark.parametrize("place", [100, -300, -30])
async def test_an_altered_file_is_refused_before_anything_is_appended(
    store: Store, place: int
) -> None:
    """Also when all runs but the last, or all runs, are as they were."""
    file = bytearray(await exported(await some_runs(Author(), Author())))
    file[place] ^= 1
    with pytest.raises(ef.HistoryAltered):
        await import_histories(store, io.BytesIO(bytes(file)))
    assert await log_of(store) == []


async def test_a_history_that_cannot_be_folded_is_refused(store: Store) -> None:
    """Hashes that fit do not make a history; nothing of the file is appended."""
    good, bad = Author(), Author()
    begun = bad.create().events
    twice = seal(
        run_id=bad.run_id,
        events=[open_envelope(begun[0]).event],
        after=2,
        previous=bad.head,
        recorded_at=START,
        actor=None,
        op_id="forged",
    )
    file = io.BytesIO()
    writer = HistoryWriter(file.write)
    for events in (good.create().events, begun + twice):
        writer.add(events)
        writer.end_run()
    writer.end()
    with pytest.raises(ef.HistoryAltered, match="at version 3: a run cannot be created twice"):
        await import_histories(store, io.BytesIO(file.getvalue()))
    assert await log_of(store) == []


async def test_a_key_of_another_run_is_refused(store: Store) -> None:
    """Two runs with one idempotency key cannot live in one store."""
    source = MemoryStore()
    await source.append([Author().create(key="order-1")])
    theirs = Author()
    await store.append([theirs.create(key="create:order-1")])
    with pytest.raises(CannotCopy, match=f"belongs to run {theirs.run_id}"):
        await import_histories(store, io.BytesIO(await exported(source)))
    assert len(await log_of(store)) == 2


async def test_living_runs_can_be_refused(store: Store) -> None:
    """Who only wants to look at runs asks for such as have ended."""
    file = await exported(await some_runs(Author()))
    with pytest.raises(CannotCopy, match="it is running, a worker would go on with it"):
        await import_histories(store, io.BytesIO(file), only_ended=True)
    assert await log_of(store) == []


class Pipe(io.RawIOBase):
    """Gives a file once, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Give some bytes."""
        return self._data.readinto(buffer)  # type: ignore[arg-type]


async def test_a_file_comes_through_a_pipe(store: Store) -> None:
    """What can be read only once is imported as well, and verified."""
    file = await exported(await some_runs(Author()))
    pipe = io.BufferedReader(Pipe(file))
    assert (await import_histories(store, pipe)).imported == 5
    assert verify_file(io.BufferedReader(Pipe(file))).events == 5


async def test_progress_is_told(store: Store) -> None:
    """Somebody who waits hears how far it has come."""
    file = await exported(await some_runs(Author(), Author()))
    told: list[int] = []
    await import_histories(
        store, io.BytesIO(file), progress=lambda report: told.append(report.imported)
    )
    assert told[-1] == 10


class Slow:
    """A store that waits for ever before it reads the second batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def read(self, run_ids: Sequence[str], after: int = 0) -> list[StoredEvent]:
        """Read nothing."""
        self.reached.set()
        await asyncio.Event().wait()
        return await self._store.read(run_ids, after)


def exports_in(folder: Path) -> list[str]:
    """The names of all files that an export may have left."""
    return [each.name for each in folder.iterdir() if "ndjson" in each.name]


async def test_a_cancelled_export_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """Whoever gives up finds no half of a file."""
    await store.append([Author().create()])
    slow = Slow(store)
    async with ef.Runtime(slow) as runtime:  # type: ignore[arg-type]
        task = asyncio.create_task(runtime.export(None, tmp_path / "all.ndjson"))
        await slow.reached.wait()
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert exports_in(tmp_path) == []


def large(data: bytes) -> dict[str, object]:
    """A value that stands for a blob."""
    return {"$blob": key_of(data), "size": len(data)}


async def test_blobs_travel_with_the_runs_that_need_them(store: Store) -> None:
    """Each run brings its blobs, before the event that refers to them, and once."""
    source = MemoryStore()
    text, binary = "é" * 100_000, bytes(range(256)) * 300
    for data in (text.encode(), binary, b"of no run"):
        await source.blobs.put(data)
    first, second = Author(), Author()
    both = [large(text.encode()), large(binary), large(binary)]
    await source.append([first.create(value=both), second.create(value=both[1])])
    file = await exported(source)
    assert verify_file(io.BytesIO(file)) == verify_file(io.BytesIO(await exported(source)))
    assert verify_file(io.BytesIO(file)).blobs == 3
    assert text in file.decode()

    await import_histories(store, io.BytesIO(file))
    assert await store.blobs.get(key_of(binary)) == binary
    assert list(await store.blobs.list()) == sorted([key_of(text.encode()), key_of(binary)])
    assert await exported(store) == file


async def test_a_run_without_its_blob_is_not_exported(store: Store, tmp_path: Path) -> None:
    """A file is whole or not at all."""
    await store.append([Author().create(value=large(b"gone"))])
    async with ef.Runtime(store) as runtime:
        with pytest.raises(BlobNotFound, match="holds no blob"):
            await runtime.export(None, tmp_path / "all.ndjson")
    assert exports_in(tmp_path) == []


async def test_an_altered_blob_is_refused(store: Store) -> None:
    """A blob of a file is what its key says."""
    source = MemoryStore()
    await source.blobs.put(b"genuine")
    await source.append([Author().create(value=large(b"genuine"))])
    file = (await exported(source)).replace(b'"text":"genuine"', b'"text":"forgery"')
    with pytest.raises(InvalidHistoryFile, match=r"line 2: The blob sha256:.* was altered"):
        await import_histories(store, io.BytesIO(file))
    assert await log_of(store) == []


async def test_blobs_of_a_place_of_their_own_travel_too(store: Store) -> None:
    """A runtime that keeps its blobs elsewhere takes them from there, and puts them there."""
    here, there = MemoryBlobs(), MemoryBlobs()
    await here.put(b"elsewhere")
    source = MemoryStore()
    author = Author()
    await source.append([author.create(value=large(b"elsewhere"))])
    file = io.BytesIO()
    async with ef.Runtime(source, blobs=here) as runtime:
        await runtime.export(None, file)
        await runtime.run(author.run_id).export(io.BytesIO())
        await runtime.verify()
    file.seek(0)
    async with ef.Runtime(store, blobs=there) as runtime:
        await runtime.import_history(file)
        await runtime.run(author.run_id).verify()
        assert (await runtime.verify()).blobs == 1
    assert await there.get(key_of(b"elsewhere")) == b"elsewhere"
    assert list(await store.blobs.list()) == []
